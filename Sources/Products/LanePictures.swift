/// Pictures of some channels in registers, each with one element of as many examples as it has numbers: [C, rows, columns], with
/// a margin of zeros around every picture.
struct LanePictures: Sendable {
  let channels: Int
  /// Registers of a row, and of one channel's picture, with its margin.
  let width, plane: Int
  /// Registers of all channels.
  var registers: Int { channels * plane }
  /// Elements of all channels of an example.
  var count: Int { elements.count }
  /// By element, its register.
  private let elements: [Int32]
  /// The registers of the margin, in channel 0.
  private let margin: [Int32]
  /// Rows and columns of a picture without its margin.
  private let height, pictureWidth: Int
  /// The picture's row and column that register 0 is of: 0, or negative in a margin.
  private let firstRow, firstColumn: Int

  /// - Parameters:
  ///   - height, width: of a picture.
  ///   - rows, columns: of it and its margin, counted from the picture's first; they include all of it.
  init(channels: Int, height: Int, width: Int, rows: Range<Int>, columns: Range<Int>) {
    precondition(
      rows.lowerBound <= 0 && height <= rows.upperBound && columns.lowerBound <= 0
        && width <= columns.upperBound, "pictures larger than their margin")
    let plane = rows.count * columns.count
    var (elements, margin) = ([Int32](), [Int32]())
    for row in rows {
      for column in columns {
        let register = Int32(
          (row - rows.lowerBound) * columns.count + column - columns.lowerBound)
        if (0..<height).contains(row) && (0..<width).contains(column) {
          elements.append(register)
        } else {
          margin.append(register)
        }
      }
    }
    self.elements = (0..<channels).flatMap { channel in
      elements.map { $0 + Int32(channel * plane) }
    }
    (self.channels, self.margin, self.width, self.plane) = (channels, margin, columns.count, plane)
    (firstRow, firstColumn) = (rows.lowerBound, columns.lowerBound)
    (self.height, pictureWidth) = (height, width)
  }

  /// Whether the pictures lie one after the other, with nothing between them.
  var haveNoMargin: Bool { margin.isEmpty }

  /// Pictures without a margin.
  init(channels: Int, height: Int, width: Int) {
    self.init(
      channels: channels, height: height, width: width, rows: 0..<height, columns: 0..<width)
  }

  /// Where an element of channel 0, or of its margin, lies.
  func register(_ row: Int, _ column: Int) -> Int {
    (row - firstRow) * width + column - firstColumn
  }

  /// Fills the registers.
  ///
  /// - Parameter pictures: the first of `examples`, which begin `exampleStride` elements apart.
  func spread(
    _ pictures: UnsafePointer<Float>, _ examples: Int, _ exampleStride: Int,
    by kernels: LaneKernels, into registers: UnsafeMutablePointer<Float>
  ) {
    kernels.compiled.clear(
      registers, planes: channels, stride: plane, at: margin, count: margin.count)
    kernels.compiled.spread(
      pictures, examples: examples, exampleStride: exampleStride, to: elements,
      elements: elements.count, in: registers)
  }

  /// Fills the registers with pictures that lie in registers already, without a margin.
  func frame(
    _ pictures: UnsafePointer<Float>, by kernels: LaneKernels,
    into registers: UnsafeMutablePointer<Float>
  ) {
    let lanes = kernels.lanes
    kernels.compiled.clear(
      registers, planes: channels, stride: plane, at: margin, count: margin.count)
    let start = registers + register(0, 0) * lanes
    for channel in 0..<channels {
      for row in 0..<height {
        (start + (channel * plane + row * width) * lanes).update(
          from: pictures + (channel * height + row) * pictureWidth * lanes,
          count: pictureWidth * lanes)
      }
    }
  }
}

/// Some rows of a picture in registers, with zeros where it has none.
struct LaneFrame: Sendable {
  /// Of the picture.
  let height, width: Int
  /// Counted from the picture's first; those outside are zeros.
  let rows, columns: Range<Int>

  var registers: Int { rows.count * columns.count }

  /// - Parameter picture: in registers, without a margin.
  func fill(
    _ room: UnsafeMutablePointer<Float>, from picture: UnsafePointer<Float>, _ lanes: Int
  ) {
    let seen = max(0, columns.lowerBound)..<max(0, min(width, columns.upperBound))
    let before = seen.lowerBound - columns.lowerBound
    var target = room
    for row in rows {
      if (0..<height).contains(row) {
        target.update(repeating: 0, count: before * lanes)
        (target + before * lanes).update(
          from: picture + (row * width + seen.lowerBound) * lanes, count: seen.count * lanes)
        (target + (before + seen.count) * lanes).update(
          repeating: 0, count: (columns.count - before - seen.count) * lanes)
      } else {
        target.update(repeating: 0, count: columns.count * lanes)
      }
      target += columns.count * lanes
    }
  }
}

/// How a convolution becomes products of matrices: which elements of the pictures stand in which column.
///
/// With C channels of a group, a kernel of KH × KW and H' × W' places of the window, the pictures are lowered
/// to a matrix of C · KW rows, one for each channel and column of the kernel. In its columns stand whole rows of
/// the padded picture, of which the kernel's column sees W' elements. The rows that the kernel's row k sees at
/// its H' places are neighbours, so that the product for k reads the same matrix from another column on, and the
/// convolution is the sum of KH products: MEC (Cho and Brand 2017), which copies a KH-th of what im2col
/// copies. With a vertical stride s, rows whose numbers leave the same rest by s are made neighbours.
///
/// Where C · KW is so small that the products would be too thin, or the kernel's rows lie so far apart that most rows
/// of the picture would be lowered for nothing, the kernel's rows are lowered too (im2col): C · KH · KW rows, one
/// product. Several examples stand side by side, row of the picture by row, so that a
/// product over small pictures is not too narrow.
struct Lowering: Sendable {
  /// Where a product begins: at the kernel's row `tap`, and at the row `row` of the lowered picture.
  struct Product: Sendable {
    let tap: Int
    let row: Int
  }

  let channels: Int
  let height, width: Int
  let window: Window
  /// The places of the window.
  let rows, columns: Int
  /// The products that make up the convolution.
  let products: [Product]
  /// The rows of the kernel that are lowered: one, or all.
  let taps: Int
  /// By lowered tap and lowered row, the picture's row that is there; nil on the padding.
  private let sources: [Int?]
  /// The rows of the lowered picture.
  let loweredRows: Int

  /// Fewer rows than this make a product too thin.
  private static let fewestRows = 16

  /// - Parameters:
  ///   - channels: of one group.
  init(channels: Int, height: Int, width: Int, window: Window) {
    (self.channels, self.height, self.width, self.window) = (channels, height, width, window)
    let axis = window.height
    let places = axis.places(over: height)
    rows = places
    columns = window.width.places(over: width)
    precondition(rows > 0 && columns > 0, "a window larger than the picture")

    let neighbours = Neighbours(axis, places: places)
    let positions: [Int]
    if axis.length > 1 && channels * window.width.length < Self.fewestRows
      || neighbours.rows > axis.length * places
    {
      taps = axis.length
      products = [Product(tap: 0, row: 0)]
      positions = (0..<axis.length).flatMap { tap in
        (0..<places).map { axis.position(place: $0, tap: tap) }
      }
    } else {
      taps = 1
      products = neighbours.products
      positions = neighbours.runs.flatMap { run in
        (0..<run.rows).map { run.start + $0 * axis.stride }
      }
    }
    loweredRows = positions.count / taps
    sources = positions.map { (0..<height).contains($0) ? $0 : nil }
  }

  /// The rows of the lowered matrix.
  var matrixRows: Int { channels * taps * window.width.length }

  /// The columns of the lowered matrix of `examples` side by side.
  func matrixColumns(_ examples: Int) -> Int { loweredRows * examples * columns }

  /// The columns of one product over `examples`.
  func productColumns(_ examples: Int) -> Int { rows * examples * columns }

  /// The first column of a product.
  func start(_ product: Product, _ examples: Int) -> Int { product.row * examples * columns }

  /// Whether one example's lowered matrix is the example itself.
  var isIdentity: Bool { window.height.isPoint && window.width.isPoint }

  /// A weight [O, C/G, KH, KW] as the products take it, [products, O, C/G · taps · KW].
  func byProduct<R>(_ weight: [R]) -> [R] { reordered(weight, isBack: false) }

  /// Undoes `byProduct`.
  func inOrderOfWeight<R>(_ values: [R]) -> [R] { reordered(values, isBack: true) }

  private func reordered<R>(_ values: [R], isBack: Bool) -> [R] {
    if products.count == 1 { return values }
    let length = window.width.length
    let planes = values.count / (window.height.length * length)
    var result = values
    for (index, product) in products.enumerated() {
      for plane in 0..<planes {
        let own = (plane * window.height.length + product.tap) * length
        let other = (index * planes + plane) * length
        let (source, target) = isBack ? (other, own) : (own, other)
        for column in 0..<length { result[target + column] = values[source + column] }
      }
    }
    return result
  }

  /// Writes the lowered matrix of `examples` pictures, whose channels begin `exampleStride` elements apart.
  func lower<R: Real>(
    _ pictures: UnsafePointer<R>, _ examples: Int, exampleStride: Int,
    into matrix: UnsafeMutablePointer<R>
  ) {
    var target = matrix
    let axis = window.width
    for channel in 0..<channels {
      let picture = pictures + channel * height * width
      for tap in 0..<taps {
        for column in 0..<axis.length {
          let reached = axis.places(over: width, reachedBy: column)
          let start = axis.position(place: reached.lowerBound, tap: column)
          for row in 0..<loweredRows {
            guard let source = sources[tap * loweredRows + row], !reached.isEmpty else {
              target.update(repeating: 0, count: examples * columns)
              target += examples * columns
              continue
            }
            var from = picture + source * width + start
            for _ in 0..<examples {
              for place in 0..<reached.lowerBound { target[place] = 0 }
              if axis.stride == 1 {
                (target + reached.lowerBound).update(from: from, count: reached.count)
              } else {
                for place in 0..<reached.count {
                  target[reached.lowerBound + place] = from[place * axis.stride]
                }
              }
              for place in reached.upperBound..<columns { target[place] = 0 }
              target += columns
              from += exampleStride
            }
          }
        }
      }
    }
  }

  /// Undoes `lower` for gradients: writes to every element of the pictures the sum of its copies.
  func raise<R: Real>(
    _ matrix: UnsafePointer<R>, _ examples: Int, exampleStride: Int,
    into pictures: UnsafeMutablePointer<R>
  ) {
    var source = matrix
    let axis = window.width
    for channel in 0..<channels {
      let picture = pictures + channel * height * width
      for example in 0..<examples {
        (picture + example * exampleStride).update(repeating: 0, count: height * width)
      }
      for tap in 0..<taps {
        for column in 0..<axis.length {
          let reached = axis.places(over: width, reachedBy: column)
          let start = axis.position(place: reached.lowerBound, tap: column)
          for row in 0..<loweredRows {
            guard let target = sources[tap * loweredRows + row], !reached.isEmpty else {
              source += examples * columns
              continue
            }
            var to = picture + target * width + start
            for _ in 0..<examples {
              let from = source + reached.lowerBound
              if axis.stride == 1 {
                for place in 0..<reached.count { to[place] += from[place] }
              } else {
                for place in 0..<reached.count { to[place * axis.stride] += from[place] }
              }
              source += columns
              to += exampleStride
            }
          }
        }
      }
    }
  }
}

/// The rows of a picture in the order in which those that a row of the kernel sees are neighbours.
private struct Neighbours {
  /// Runs of rows, each a stride after the one before it.
  private(set) var runs: [(start: Int, rows: Int)] = []
  private(set) var products: [Lowering.Product] = []
  private(set) var rows = 0

  init(_ axis: Window.Axis, places: Int) {
    let taps = Dictionary(grouping: 0..<axis.length) { $0 * axis.dilation % axis.stride }
    for (_, taps) in taps.sorted(by: { $0.key < $1.key }) {
      var last = 0
      for tap in taps {
        last = (tap - taps[0]) * axis.dilation / axis.stride
        products.append(Lowering.Product(tap: tap, row: rows + last))
      }
      runs.append((axis.position(place: 0, tap: taps[0]), last + places))
      rows += last + places
    }
  }
}

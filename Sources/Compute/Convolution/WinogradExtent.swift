/// How much a convolution by tiles of 6 × 6 has at once. Numbers of registers, unless it says something else; computed without
/// any list of places being made.
struct WinogradExtent: Sendable {
  /// Places of a tile in each direction, and elements of a tile.
  static let side = 4
  static let elements = 36

  let channels: Int
  /// Rows and columns of the pictures, and of places of the window.
  let pictures, places: (height: Int, width: Int)
  /// Tiles that lie side by side once they are transformed.
  let together: Int
  /// Rows of tiles in a strip, but for the last one.
  let rowsPerStrip: Int

  /// - Parameter atOnce: tiles of a strip, if a row does not have more.
  init(
    channels: Int, pictures: (height: Int, width: Int), places: (height: Int, width: Int),
    together: Int, atOnce: Int
  ) {
    (self.channels, self.pictures, self.places) = (channels, pictures, places)
    self.together = together
    let (down, across) = (Self.tiles(over: places.height), Self.tiles(over: places.width))
    rowsPerStrip = min(down, max(1, atOnce / across))
  }

  static func tiles(over places: Int) -> Int { (places + side - 1) / side }

  /// Rows of tiles, and tiles of a row.
  var down: Int { Self.tiles(over: places.height) }
  var across: Int { Self.tiles(over: places.width) }
  /// Columns of a picture that the tiles see.
  var columns: Int { across * Self.side + 2 }
  /// Tiles of a strip, at most, and results that it gives of a channel.
  var tiles: Int { rowsPerStrip * across }
  var results: Int { min(places.height, rowsPerStrip * Self.side) * places.width }

  /// All elements of a channel's picture; and those that a strip of tiles sees of it, with their margin.
  var area: Int { pictures.height * pictures.width }
  var frame: Int { (rowsPerStrip * Self.side + 2) * columns }
  /// From a matrix of the transformed tiles to the next: an odd number, lest all elements of a tile meet in the same lines of a
  /// cache.
  var matrix: Int { (tiles + together - 1) / together * together * channels | 1 }

  /// The bytes of the lists of a plan.
  var listedBytes: Int {
    // Of a tile its base, its column and its targets.
    let numbers = down * across * (2 + Self.side * Self.side) + tiles + channels
    return listedBytes(channels, of: pictures) + numbers * MemoryLayout<Int>.stride
  }

  /// Those of `LanePictures` without a margin: an element's register.
  func listedBytes(_ channels: Int, of pictures: (height: Int, width: Int)) -> Int {
    channels * pictures.height * pictures.width * MemoryLayout<Int32>.stride
  }
}

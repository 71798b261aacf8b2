import Kernels
import Tensors

/// Where everything lies when pictures in registers are taken apart into tiles of 4 × 4 that overlap by two, each for
/// 2 × 2 places of a window of 3 × 3. Numbers of registers throughout.
///
/// A picture becomes [C, rows, columns] registers, with a margin of zeros wide enough for whole tiles. The tiles are
/// taken some rows of them at a time, so that what is made of them stays in the nearer caches.
struct WinogradPlan: Sendable {
  /// Some rows of tiles.
  struct Strip: Sendable {
    /// By tile, its upper left.
    var bases: [Int] = []
    /// By tile, where its first channel lies once it is transformed: some tiles side by side, of one channel after the
    /// other, then the next ones.
    var columns: [Int] = []
    /// By tile, the elements of the strip's results that its 2 × 2 places are; −1 for those outside.
    var targets: [Int] = []
    /// The elements of a channel's result that the strip gives, row by row.
    var results: Range<Int>

    var tiles: Int { bases.count }
  }

  let pictures: LanePictures
  let strips: [Strip]

  /// Tiles of a strip, if a row does not have more.
  private static let tilesPerStrip = 16

  /// The tiles of a strip one after the other; and, of its matrices once they are multiplied, by channel the distance from
  /// the first.
  let tileNumbers, taps: [Int]

  var mostTiles: Int { tileNumbers.count }
  var mostResults: Int { strips.reduce(0) { max($0, $1.results.count) } }

  /// - Parameters:
  ///   - channels, height, width: of the pictures.
  ///   - padding: rows above them and columns to their left, at most 2.
  ///   - places: rows and columns of places.
  ///   - together: tiles that lie side by side once they are transformed.
  init(
    channels: Int, height: Int, width: Int, padding: (Int, Int), places: (Int, Int),
    together: Int
  ) {
    let (down, across) = ((places.0 + 1) / 2, (places.1 + 1) / 2)
    let pictures = LanePictures(
      channels: channels, height: height, width: width,
      rows: -padding.0..<2 * down + 2 - padding.0,
      columns: -padding.1..<2 * across + 2 - padding.1)
    self.pictures = pictures
    let rowsPerStrip = max(1, Self.tilesPerStrip / across)
    strips = stride(from: 0, to: down, by: rowsPerStrip).map { first in
      let last = min(down, first + rowsPerStrip)
      var strip = Strip(results: 2 * first * places.1..<min(places.0, 2 * last) * places.1)
      for row in first..<last {
        for column in 0..<across {
          let tile = strip.tiles
          strip.columns.append(tile / together * together * channels + tile % together)
          strip.bases.append(2 * row * pictures.width + 2 * column)
          for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let (y, x) = (2 * row + y, 2 * column + x)
            strip.targets.append(
              y < places.0 && x < places.1 ? y * places.1 + x - strip.results.lowerBound : -1)
          }
        }
      }
      return strip
    }
    tileNumbers = Array(0..<(strips.map(\.tiles).max() ?? 0))
    taps = (0..<channels).map { $0 * together }
  }
}

import Kernels
import Tensors

/// Where everything lies when pictures in registers are taken apart into tiles of 6 × 6 that overlap by two, each for 4 × 4
/// places of a window of 3 × 3. Numbers of registers throughout.
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
    /// By tile, the elements of the strip's results that its 4 × 4 places are; −1 for those outside.
    var targets: [Int] = []
    /// The elements of a channel's result that the strip gives, row by row.
    var results: Range<Int>

    var tiles: Int { bases.count }
  }

  let extent: WinogradExtent
  let pictures: LanePictures
  let strips: [Strip]

  /// The tiles of a strip one after the other; and, of its matrices once they are multiplied, by channel the distance from
  /// the first.
  let tileNumbers, taps: [Int]

  /// - Parameter padding: rows above the pictures and columns to their left, at most 2.
  init(_ extent: WinogradExtent, padding: (Int, Int)) {
    self.extent = extent
    let (side, places, together) = (WinogradExtent.side, extent.places, extent.together)
    let pictures = LanePictures(
      channels: extent.channels, height: extent.pictures.height, width: extent.pictures.width,
      rows: -padding.0..<extent.rows - padding.0,
      columns: -padding.1..<extent.columns - padding.1)
    self.pictures = pictures
    strips = stride(from: 0, to: extent.down, by: extent.rowsPerStrip).map { first in
      let last = min(extent.down, first + extent.rowsPerStrip)
      let rows = side * first..<min(places.height, side * last)
      var strip = Strip(results: rows.lowerBound * places.width..<rows.upperBound * places.width)
      for row in first..<last {
        for column in 0..<extent.across {
          let tile = strip.tiles
          strip.columns.append(tile / together * together * extent.channels + tile % together)
          strip.bases.append(side * (row * pictures.width + column))
          for y in side * row..<side * (row + 1) {
            for x in side * column..<side * (column + 1) {
              let isThere = y < places.height && x < places.width
              strip.targets.append(isThere ? y * places.width + x - strip.results.lowerBound : -1)
            }
          }
        }
      }
      return strip
    }
    tileNumbers = Array(0..<extent.tiles)
    taps = (0..<extent.channels).map { $0 * together }
  }
}

import Tensors

/// Where everything lies when pictures in registers are taken apart into tiles of 6 × 6 that overlap by two, each for 4 × 4
/// places of a window of 3 × 3. Numbers of registers throughout.
///
/// A picture becomes [C, rows, columns] registers. The tiles are taken some rows of them at a time, so that what is made of them
/// stays in the nearer caches, and a channel at a time: with a margin of zeros wide enough for whole tiles.
struct WinogradPlan: Sendable {
  /// Some rows of tiles.
  struct Strip: Sendable {
    /// What of a picture the tiles see, and what of the deltas.
    let frame, deltaFrame: LaneFrame
    /// By tile, its upper left in these.
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
    pictures = LanePictures(
      channels: extent.channels, height: extent.pictures.height, width: extent.pictures.width)
    let columns = 0..<extent.columns
    strips = stride(from: 0, to: extent.down, by: extent.rowsPerStrip).map { first in
      let last = min(extent.down, first + extent.rowsPerStrip)
      let seen = side * first..<side * last + 2
      let rows = side * first..<min(places.height, side * last)
      var strip = Strip(
        frame: LaneFrame(
          height: extent.pictures.height, width: extent.pictures.width,
          rows: seen.lowerBound - padding.0..<seen.upperBound - padding.0,
          columns: -padding.1..<columns.upperBound - padding.1),
        deltaFrame: LaneFrame(
          height: places.height, width: places.width, rows: side * first..<side * last,
          columns: columns),
        results: rows.lowerBound * places.width..<rows.upperBound * places.width)
      for row in first..<last {
        for column in 0..<extent.across {
          let tile = strip.tiles
          strip.columns.append(tile / together * together * extent.channels + tile % together)
          strip.bases.append(side * ((row - first) * columns.count + column))
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

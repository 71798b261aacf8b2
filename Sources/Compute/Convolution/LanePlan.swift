import Tensors

/// Where everything lies when a convolution's examples stand side by side in registers: each register holds one element of
/// as many examples as it has numbers. Numbers of registers throughout.
///
/// A picture becomes [C/G, rows, columns] registers, with a margin of zeros around it wide enough for every place of the
/// window. So one list of places and one of taps, whose numbers add up, say what is multiplied with what: no case of
/// stride, padding or dilation reaches the kernels.
struct LanePlan: Sendable {
  /// Places of a window whose taps are the same.
  struct Phase: Sendable {
    /// By place, where tap 0 of channel 0 lies in the picture, and which element of the result it gives.
    var bases: [Int] = []
    var targets: [Int] = []
    /// By tap, the distance from there; which channel it is of, and which element of the kernel. A row of the kernel's
    /// are neighbours.
    var taps: [Int] = []
    var channels: [Int] = []
    var kernel: [Int] = []
    var runs: [Run] = []
  }

  /// Places that need the same of a phase's taps: the others lie above or below the picture.
  struct Run: Sendable {
    var places: Range<Int>
    let taps: Range<Int>
  }

  let pictures: LanePictures
  let phases: [Phase]

  /// What the window sees of `channels` pictures of `height` × `width`.
  static func forward(_ window: Window, channels: Int, height: Int, width: Int) -> LanePlan {
    let axes = [(window.height, height), (window.width, width)].map { axis, extent in
      Axis(
        extent: extent,
        phases: [
          (0..<axis.places(over: extent)).map { ($0, axis.position(place: $0, tap: 0)) }
        ],
        taps: [(0..<axis.length).map { ($0, $0 * axis.dilation) }])
    }
    return LanePlan(
      axes[0], axes[1], channels: channels, results: window.width.places(over: width),
      kernelWidth: window.width.length)
  }

  /// What the elements of a picture of `height` × `width` see of the `channels` deltas of a window's places: an element
  /// at q is under tap i of place (q + padding − i · dilation) / stride, if that is a whole number. The elements of one
  /// remainder by the stride have the same taps.
  static func backward(_ window: Window, channels: Int, height: Int, width: Int) -> LanePlan {
    let axes = [(window.height, height), (window.width, width)].map { axis, extent in
      var taps = [[(Int, Int)]]()
      var phases = [[(Int, Int)]]()
      for remainder in 0..<min(axis.stride, extent) {
        phases.append(
          stride(from: remainder, to: extent, by: axis.stride).map {
            ($0, ($0 - remainder) / axis.stride)
          })
        taps.append(
          (0..<axis.length).compactMap { tap in
            let distance = remainder + axis.padding - tap * axis.dilation
            return distance % axis.stride == 0 ? (tap, distance / axis.stride) : nil
          })
      }
      return Axis(extent: axis.places(over: extent), phases: phases, taps: taps)
    }
    return LanePlan(
      axes[0], axes[1], channels: channels, results: width,
      kernelWidth: window.width.length)
  }

  /// One axis of the picture.
  private struct Axis {
    /// The picture's elements.
    let extent: Int
    /// By phase: element of the result, and where its tap 0 would lie.
    let phases: [[(target: Int, base: Int)]]
    /// By phase: element of the kernel, and the distance from that.
    let taps: [[(tap: Int, distance: Int)]]

    /// The elements that are seen, those of the picture among them.
    var seen: Range<Int> {
      var (lower, upper) = (0, extent)
      for (phase, taps) in zip(phases, taps) {
        for place in [phase.first, phase.last] {
          for tap in taps {
            guard let place else { continue }
            lower = min(lower, place.base + tap.distance)
            upper = max(upper, place.base + tap.distance + 1)
          }
        }
      }
      return lower..<upper
    }
  }

  /// - Parameter results: elements of a row of the result.
  private init(
    _ rows: Axis, _ columns: Axis, channels: Int, results: Int, kernelWidth: Int
  ) {
    let pictures = LanePictures(
      channels: channels, height: rows.extent, width: columns.extent, rows: rows.seen,
      columns: columns.seen)
    var phases = [Phase]()
    for (rowPlaces, rowTaps) in zip(rows.phases, rows.taps) {
      for (columnPlaces, columnTaps) in zip(columns.phases, columns.taps) {
        var phase = Phase()
        for row in rowTaps {
          for channel in 0..<channels {
            for column in columnTaps {
              phase.taps.append(
                channel * pictures.plane + row.distance * pictures.width + column.distance)
              phase.channels.append(channel)
              phase.kernel.append(row.tap * kernelWidth + column.tap)
            }
          }
        }
        for row in rowPlaces {
          // Neighbours, as the distances grow or shrink from tap to tap.
          let reached = rowTaps.indices.filter {
            (0..<rows.extent).contains(row.base + rowTaps[$0].distance)
          }
          let first = (reached.first ?? 0) * channels * columnTaps.count
          let taps = first..<first + reached.count * channels * columnTaps.count
          let start = phase.bases.count
          for column in columnPlaces {
            phase.bases.append(pictures.register(row.base, column.base))
            phase.targets.append(row.target * results + column.target)
          }
          if let last = phase.runs.last, last.taps == taps {
            phase.runs[phase.runs.count - 1].places = last.places.lowerBound..<phase.bases.count
          } else {
            phase.runs.append(Run(places: start..<phase.bases.count, taps: taps))
          }
        }
        phases.append(phase)
      }
    }
    (self.pictures, self.phases) = (pictures, phases)
  }
}

import CProcessor

/// Elements of the kernel that are correlated with together: with the output channels, as many sums
/// as there are lanes.
#if LANES_16
  typealias Taps = PairOfRows<PairOfRows<Row1>>
#else
  typealias Taps = PairOfRows<Row1>
#endif

/// Output channels that are correlated together.
let rowsOfDeltas = 4

extension CompiledKernels {
  /// What the deltas of `deltasTogether` output channels have to do with the inputs of a
  /// convolution, over as many examples as there are lanes:
  ///
  ///     sums[k, m] += Σ delta[m, p] · x[bases[p] + taps[k]] over the places p and all lanes
  ///
  /// - Parameters:
  ///   - delta: [rows, stride] registers, of which `positions` are read.
  ///   - x, bases, taps: as for `convolve`; `count` is a multiple of `tapsTogether`.
  ///   - sums: [count, deltasTogether], aligned as registers are.
  ///   - adding: whether they are added to, or written.
  ///   - rows: the output channels that are there; the sums of others mean nothing.
  public static func correlate(
    delta: UnsafePointer<Float>, stride: Int, x: UnsafePointer<Float>, bases: UnsafePointer<Int>,
    positions: Int, taps: UnsafePointer<Int>, count: Int, into sums: UnsafeMutablePointer<Float>,
    adding: Bool, rows: Int
  ) {
    let (x, delta) = (x.inLanes, delta.inLanes)
    let second = rows > 1 ? stride : 0
    if rows <= 2 {
      return correlateRows(
        2, delta, (second, second, second), x, bases, positions, taps, count, sums, adding)
    }
    let others = (second, 2 &* stride, (rows > 3 ? 3 : 2) &* stride)
    correlateRows(deltasTogether, delta, others, x, bases, positions, taps, count, sums, adding)
  }
}

/// - Parameters:
///   - computed: how many output channels are.
///   - others: where the second one begins, the third and the fourth.
@inline(__always)
private func correlateRows(
  _ computed: Int, _ delta: UnsafePointer<Lane>, _ others: (Int, Int, Int),
  _ x: UnsafePointer<Lane>,
  _ bases: UnsafePointer<Int>, _ positions: Int, _ taps: UnsafePointer<Int>, _ count: Int,
  _ sums: UnsafeMutablePointer<Float>, _ adding: Bool
) {
  var tap = 0
  while tap < count {
    var (row0, row1) = (Taps(repeating: 0), Taps(repeating: 0))
    var (row2, row3) = (Taps(repeating: 0), Taps(repeating: 0))
    var position = 0
    while position < positions {
      let x = Taps(x, at: taps + tap, plus: bases[position])
      row0.add(x, times: delta[position])
      row1.add(x, times: delta[position &+ others.0])
      if computed > 2 {
        row2.add(x, times: delta[position &+ others.1])
        row3.add(x, times: delta[position &+ others.2])
      }
      position &+= 1
    }
    let all = sumsOfAll(row0, row1, row2, row3)
    let target = (sums + tap &* rowsOfDeltas).inLanes
    target[0] = adding ? target[0] + all : all
    tap &+= Taps.count
  }
}

/// The sums of all numbers of each register: those of the first tap's four, then of the second's, …
@inline(__always)
func sumsOfAll(_ x: Taps, _ y: Taps, _ z: Taps, _ w: Taps) -> Lane {
  #if LANES_16
    nn_sums_of_quarters16(
      nn_sums_of_parts16(x.low.low.a, y.low.low.a, z.low.low.a, w.low.low.a),
      nn_sums_of_parts16(x.low.high.a, y.low.high.a, z.low.high.a, w.low.high.a),
      nn_sums_of_parts16(x.high.low.a, y.high.low.a, z.high.low.a, w.high.low.a),
      nn_sums_of_parts16(x.high.high.a, y.high.high.a, z.high.high.a, w.high.high.a))
  #else
    nn_sums_of_halves8(
      nn_sums_of_parts8(x.low.a, y.low.a, z.low.a, w.low.a),
      nn_sums_of_parts8(x.high.a, y.high.a, z.high.a, w.high.a))
  #endif
}

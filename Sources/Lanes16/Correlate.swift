/// Elements of the kernel that are correlated with together.
#if LANES_16
  private typealias Taps = PairOfRows<Row3>
#else
  private typealias Taps = Row3
#endif
public let tapsTogether = Taps.count

/// Output channels that are correlated together.
public let deltasTogether = 4

/// What the deltas of `deltasTogether` output channels have to do with the inputs of a convolution, over as many examples as
/// there are lanes:
///
///     sums[m, k] += Σ delta[m, p] · x[bases[p] + taps[k]] over the places p and all lanes
///
/// - Parameters:
///   - delta: [deltasTogether, stride] registers, of which `positions` are read.
///   - x, bases, taps: as for `convolve`; `count` is a multiple of `tapsTogether`.
///   - sums: [deltasTogether, sumsStride]
public func correlate(
  delta: UnsafePointer<Float>, stride: Int, x: UnsafePointer<Float>, bases: UnsafePointer<Int>,
  positions: Int, taps: UnsafePointer<Int>, count: Int, into sums: UnsafeMutablePointer<Float>,
  sumsStride: Int
) {
  let (x, delta) = (x.inLanes, delta.inLanes)
  var tap = 0
  while tap < count {
    var (row0, row1) = (Taps(repeating: 0), Taps(repeating: 0))
    var (row2, row3) = (Taps(repeating: 0), Taps(repeating: 0))
    var position = 0
    while position < positions {
      let x = Taps(x, at: taps + tap, plus: bases[position])
      row0.add(x, times: delta[position])
      row1.add(x, times: delta[position &+ stride])
      row2.add(x, times: delta[position &+ 2 &* stride])
      row3.add(x, times: delta[position &+ 3 &* stride])
      position &+= 1
    }
    row0.fold(into: sums + tap)
    row1.fold(into: sums + (tap &+ sumsStride))
    row2.fold(into: sums + (tap &+ 2 &* sumsStride))
    row3.fold(into: sums + (tap &+ 3 &* sumsStride))
    tap &+= tapsTogether
  }
}

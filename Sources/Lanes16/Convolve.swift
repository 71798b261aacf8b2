/// Output channels that are computed together. Their weights lie side by side.
#if LANES_16
  public let tileHeight = 8
#else
  public let tileHeight = 4
#endif

/// Places that are computed together.
public let placesTogether = Row3.count

/// A convolution of as many examples as there are lanes, for `tileHeight` output channels:
///
///     output[m, targets[p]] = bias[m] + Σ weight[k, m] · x[bases[p] + taps[k]] over k
///
/// - Parameters:
///   - x: registers, 64 bytes aligned: an element of the padded input of all examples each.
///   - bases, targets: `positions` numbers of registers, one for each place of the window.
///   - taps: `count` numbers of registers, one for each channel and element of the kernel.
///   - weight: [count, tileHeight]
///   - output: [tileHeight, stride] registers.
public func convolve(
  _ x: UnsafePointer<Float>, bases: UnsafePointer<Int>, targets: UnsafePointer<Int>,
  positions: Int, taps: UnsafePointer<Int>, count: Int, weight: UnsafePointer<Float>,
  bias: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, stride: Int
) {
  let (x, output) = (x.inLanes, output.inLanes)
  var position = 0
  // Four are two and two: a single one leaves the processor waiting for its own sums.
  while position &+ Row3.count <= positions && position &+ 4 != positions {
    tile(
      Row3.self, x, bases + position, targets + position, taps, count, weight, bias, output, stride)
    position &+= Row3.count
  }
  while position &+ 2 <= positions {
    tile(
      PairOfRows<Row1>.self, x, bases + position, targets + position, taps, count, weight, bias,
      output, stride)
    position &+= 2
  }
  if position < positions {
    tile(
      Row1.self, x, bases + position, targets + position, taps, count, weight, bias, output, stride)
  }
}

@inline(__always)
private func tile<R: Row>(
  _ type: R.Type, _ x: UnsafePointer<Lane>, _ bases: UnsafePointer<Int>,
  _ targets: UnsafePointer<Int>, _ taps: UnsafePointer<Int>, _ count: Int,
  _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
  _ output: UnsafeMutablePointer<Lane>, _ stride: Int
) {
  var (row0, row1) = (R(repeating: bias[0]), R(repeating: bias[1]))
  var (row2, row3) = (R(repeating: bias[2]), R(repeating: bias[3]))
  #if LANES_16
    var (row4, row5) = (R(repeating: bias[4]), R(repeating: bias[5]))
    var (row6, row7) = (R(repeating: bias[6]), R(repeating: bias[7]))
  #endif
  var weight = weight
  var k = 0
  while k < count {
    let x = R(x, at: bases, plus: taps[k])
    row0.add(x, times: weight[0])
    row1.add(x, times: weight[1])
    row2.add(x, times: weight[2])
    row3.add(x, times: weight[3])
    #if LANES_16
      row4.add(x, times: weight[4])
      row5.add(x, times: weight[5])
      row6.add(x, times: weight[6])
      row7.add(x, times: weight[7])
    #endif
    weight += tileHeight
    k &+= 1
  }
  row0.store(output, at: targets)
  row1.store(output + stride, at: targets)
  row2.store(output + 2 &* stride, at: targets)
  row3.store(output + 3 &* stride, at: targets)
  #if LANES_16
    row4.store(output + 4 &* stride, at: targets)
    row5.store(output + 5 &* stride, at: targets)
    row6.store(output + 6 &* stride, at: targets)
    row7.store(output + 7 &* stride, at: targets)
  #endif
}

/// Output channels that are computed together. Their weights lie side by side.
#if LANES_16
  let rowsOfTile = 8
#else
  let rowsOfTile = 4
#endif

extension CompiledKernels {
  /// A convolution of as many examples as there are lanes, for `tileHeight` output channels:
  ///
  ///     output[m, targets[p]] = bias[m] + Σ weight[k, m] · x[bases[p] + taps[k]] over k
  ///
  /// - Parameters:
  ///   - x: registers, 64 bytes aligned: an element of the padded input of all examples each.
  ///   - bases, targets: `positions` numbers of registers, one for each place of the window.
  ///   - taps: `count` numbers of registers, one for each channel and element of the kernel.
  ///   - weight: [count, tileHeight]
  ///   - output: [rows, stride] registers.
  ///   - rows: the output channels that are there; of the others nothing is written, and of most nothing computed.
  public static func convolve(
    _ x: UnsafePointer<Float>, bases: UnsafePointer<Int>, targets: UnsafePointer<Int>,
    positions: Int, taps: UnsafePointer<Int>, count: Int, weight: UnsafePointer<Float>,
    bias: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, stride: Int, rows: Int
  ) {
    let (x, output) = (x.inLanes, output.inLanes)
    // As many rows are computed as the constant says.
    @inline(__always)
    func all(_ computed: Int) {
      var position = 0
      @inline(__always)
      func next<R: Row>(_ type: R.Type) {
        convolveTile(
          type, computed, x, bases + position, targets + position, taps, count, weight, bias,
          output,
          stride, rows)
        position &+= R.count
      }
      // Four are two and two: a single one leaves the processor waiting for its own sums.
      while position &+ Row3.count <= positions && position &+ 4 != positions { next(Row3.self) }
      while position &+ 2 <= positions { next(PairOfRows<Row1>.self) }
      if position < positions { next(Row1.self) }
    }
    #if LANES_16
      if rows > 6 { return all(8) }
      if rows > 4 { return all(6) }
      if rows > 2 { return all(4) }
    #else
      if rows > 2 { return all(4) }
    #endif
    all(2)
  }
}

@inline(__always)
private func convolveTile<R: Row>(
  _ type: R.Type, _ computed: Int, _ x: UnsafePointer<Lane>, _ bases: UnsafePointer<Int>,
  _ targets: UnsafePointer<Int>, _ taps: UnsafePointer<Int>, _ count: Int,
  _ weight: UnsafePointer<Float>, _ bias: UnsafePointer<Float>,
  _ output: UnsafeMutablePointer<Lane>, _ stride: Int, _ rows: Int
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
    if computed > 2 {
      row2.add(x, times: weight[2])
      row3.add(x, times: weight[3])
    }
    #if LANES_16
      if computed > 4 {
        row4.add(x, times: weight[4])
        row5.add(x, times: weight[5])
      }
      if computed > 6 {
        row6.add(x, times: weight[6])
        row7.add(x, times: weight[7])
      }
    #endif
    weight += rowsOfTile
    k &+= 1
  }
  row0.store(output, at: targets)
  if rows > 1 { row1.store(output + stride, at: targets) }
  if rows > 2 { row2.store(output + 2 &* stride, at: targets) }
  if rows > 3 { row3.store(output + 3 &* stride, at: targets) }
  #if LANES_16
    if rows > 4 { row4.store(output + 4 &* stride, at: targets) }
    if rows > 5 { row5.store(output + 5 &* stride, at: targets) }
    if rows > 6 { row6.store(output + 6 &* stride, at: targets) }
    if rows > 7 { row7.store(output + 7 &* stride, at: targets) }
  #endif
}

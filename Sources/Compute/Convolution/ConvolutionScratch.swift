import Tensors

extension Convolution {
  /// The most bytes that the products take besides their operands: lists of places and, for each piece that is under way, the
  /// images in registers or the im2col matrix. Found without making any of it. In Double, where products do not overflow.
  ///
  /// - Parameter threads: those that compute at once.
  public func scratchBytes(examples: Int, _ dtype: DType, threads: Int) -> Double {
    let pieces = (Double(examples) / Double(convolutionExamplesPerPiece)).rounded(.up)
    let atOnce = min(Double(threads), pieces)
    if dtype == .f32, let inTiles { return inTiles.scratchBytes(atOnce: atOnce) }
    if dtype == .f32, let lanes { return inRegisters(lanes, atOnce: atOnce) }
    return lowered(Double(dtype.bitWidth / 8), atOnce: atOnce)
  }

  private func inRegisters(_ kernels: LaneKernels, atOnce: Double) -> Double {
    let register = Double(kernels.lanes * MemoryLayout<Float>.stride)
    // A place and its target; and results that stand in registers before they are unpacked.
    let listed = 2 * Double(MemoryLayout<Int>.stride)
    let height = Double(kernels.tileHeight)
    let (places, elements) = (area(output), area(input))
    let (channels, outputs) = (Double(weight[1]), Double(output[0] / groups))
    /// By element of the images and of one margin, its register.
    func elementLists(_ channels: Double, _ area: Double, of registers: Double) -> Double {
      4 * (channels * area + registers - area)
    }
    let lists =
      listed * (places + elements) + elementLists(channels, elements, of: registersForward)
      + elementLists(outputs, places, of: registersBackward)
    let forward = registersForward * channels + max(height, outputs) * places
    let backward = registersBackward * outputs + height * elements
    return lists + atOnce * register * max(forward, backward)
  }

  private func lowered(_ bytes: Double, atOnce: Double) -> Double {
    if window.height.isPoint && window.width.isPoint { return 0 }
    let rows = Double(output[1]) * Double(MemoryLayout<Int?>.stride)
    let matrix = Double(weight[1]) * Double(window.width.length) * area(output)
    return rows + atOnce * matrix * bytes
  }

  private func area(_ pictures: Shape) -> Double { Double(pictures[1]) * Double(pictures[2]) }
}

extension WinogradConvolution {
  /// As that of `Convolution`, but with the transformed weights, which are four times the weights; those of the gradient every
  /// thread has.
  fileprivate func scratchBytes(atOnce: Double) -> Double {
    let gradient = extents.gradient
    let lists =
      extents.forward.listedBytes + extents.backward.listedBytes + gradient.listedBytes
      + gradient.listedBytes(outputsPerGroup, of: gradient.places)
    return Double(lists)
      + max(
        multiplied(extents.forward, rows: outputsPerGroup, atOnce),
        multiplied(extents.backward, rows: weight[1], atOnce),
        atOnce * Double(bytes(registersOfGradient)))
  }

  /// The bytes of pictures whose tiles are multiplied with the weights of so many rows in each group, and of those.
  private func multiplied(_ extent: WinogradExtent, rows: Int, _ atOnce: Double) -> Double {
    let height = kernels.tileHeight
    let weights = (rows + height - 1) / height * height * groups * extent.channels
    return Double(WinogradExtent.elements * weights * MemoryLayout<Float>.stride)
      + atOnce * Double(bytes(registers(of: extent)))
  }

  private func bytes(_ registers: Int) -> Int {
    registers * kernels.lanes * MemoryLayout<Float>.stride
  }

  /// What `multiply` has for a piece.
  func registers(of extent: WinogradExtent) -> Int {
    WinogradExtent.elements * (1 + extent.matrix + kernels.tileHeight * extent.tiles) + extent.frame
      + extent.channels * extent.area + kernels.tileHeight * extent.results
  }

  /// What `weightGradient` has for a piece.
  var registersOfGradient: Int {
    let extent = extents.gradient
    let outputs = kernels.paddedOutputs(outputsPerGroup)
    let taps = kernels.paddedTaps(extent.channels)
    let matrices = extent.matrix + (outputsPerGroup * extent.tiles | 1)
    return WinogradExtent.elements * (2 + matrices + outputs * taps / kernels.lanes) + extent.frame
      + extent.channels * extent.area + outputsPerGroup * output[1] * output[2]
  }
}

extension Window {
  /// Registers of one channel's picture with all that the window sees around it.
  func registersForward(over input: Shape) -> Double {
    zip([height, width], input.dimensions.dropFirst()).reduce(1) { product, axis in
      let (axis, extent) = axis
      let last = axis.position(place: axis.places(over: extent) - 1, tap: axis.length - 1)
      return product * Double(max(extent, last + 1) + axis.padding)
    }
  }

  /// As `registersForward`, of the places that a picture's elements see on the way back; where the window moves by more than one
  /// element perhaps a row and a column too many.
  func registersBackward(over input: Shape) -> Double {
    zip([height, width], input.dimensions.dropFirst()).reduce(1) { product, axis in
      let (axis, extent) = axis
      let before = max(0, axis.span - 1 - axis.padding) / axis.stride
      let last = (extent - 1 + axis.padding) / axis.stride
      return product * Double(max(axis.places(over: extent), last + 1) + before)
    }
  }
}

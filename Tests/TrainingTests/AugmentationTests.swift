import Compute
import Safetensors
import Tensors
import Testing

@testable import Training

/// What is drawn, and what stays.
@Suite struct AugmentationTests {
  private static let identities: [(String, @Sendable (inout Augmentation) -> Void)] = [
    ("nothing", { _ in }),
    ("shift", { $0.shift = 0...0 }),
    ("flip", { ($0.flip, $0.verticalFlip) = (0, 0) }),
    ("rotation", { $0.rotation = 0...0 }),
    ("rotation by a whole turn", { $0.rotation = 360...360 }),
    ("scale", { ($0.scale, $0.stretch) = (1...1, 1...1) }),
    ("shear", { $0.shear = 0...0 }),
    ("elastic", { $0.elastic = Elastic(strength: 0...0, sigma: 4) }),
    ("noise", { $0.noise = 0...0 }),
    ("no area", { $0.erasing = Erasing(area: 0...0, probability: 1) }),
    ("no probability", { $0.erasing = Erasing(area: 0.5...0.5, probability: 0) }),
  ]

  @Test(arguments: identities.map(\.0), [DType.u8, .f32, .f64])
  func strengthZeroChangesNoByte(_ name: String, _ dtype: DType) throws {
    let change = try #require(Self.identities.first { $0.0 == name }).1
    let input = dtype == .u8 ? bytes([9, 2, 6, 5]) : bytes([9, 2, 6, 5]).converted(to: dtype)
    #expect(try distorted(input, change) == input)
  }

  @Test func everythingButTheInputStays() throws {
    var batch = makeBatch(bytes([3, 5, 5]))
    batch.tensors["target"] = Tensor([1, 2, 3] as [Int64])
    batch.tensors["weights"] = Tensor([0.5] as [Float])
    batch[.classes] = "a\nb"
    batch.metadata["license"] = "CC0"
    let result = try everything().distorted(batch, ThreadPool(count: 1))
    #expect(result.tensors["input"] != batch.tensors["input"])
    var others = result
    others.tensors["input"] = batch.tensors["input"]
    others[.augmentation] = nil
    #expect(others == batch)
  }

  @Test func theBatchSaysHowItIsDistorted() throws {
    #expect(
      everything().description
        == "shift=-2..2 rotate=-20..20 scale=0.8..1.25 stretch=0.8..1.25 shear=-10..10 flip=0.5 "
        + "flip-vertical=0.5 elastic=5..10:2 noise=1..20 erase=0.05..0.3:0.7 fill=3")
    var flat = Augmentation()
    flat.flip = 1
    flat.shape = [1, 5, 5]
    #expect(flat.description == "flip=1 shape=1x5x5")
    let result = try flat.distorted(makeBatch(bytes([2, 25])), ThreadPool(count: 1))
    #expect(result.metadata["nn.augmentation"] == "flip=1 shape=1x5x5")
  }

  /// However the rows are cut into batches, ordered and computed.
  @Test func aPictureDependsOnSeedEpochAndRowAlone() throws {
    let all = bytes([40, 2, 7, 6])
    let augmentation = everything()
    let expected = try augmentation.distorted(makeBatch(all), ThreadPool(count: 1)).tensor("input")
    for (threads, size) in [(1, 1), (2, 3), (3, 40), (4, 17)] {
      let order = (0..<40).map { $0 * 7 % 40 }
      for start in stride(from: 0, to: 40, by: size) {
        let rows = Array(order[start..<min(start + size, 40)])
        let batch = makeBatch(all.gathered(rows), rows: rows.map(Int64.init))
        let found = try augmentation.distorted(batch, ThreadPool(count: threads)).tensor("input")
        #expect(found == expected.gathered(rows))
      }
    }
  }

  @Test func anotherSeedEpochOrRowDrawsAnew() throws {
    let input = bytes([1, 1, 9, 9])
    let augmentation = everything()
    var found = [Tensor]()
    for (seed, epoch, row) in [
      ("1", "1", 0), ("2", "1", 0), ("1", "2", 0), ("1", "1", 1), ("18446744073709551615", "1", 0),
      ("1", "1", Int64.max),
    ] {
      let batch = makeBatch(input, rows: [row], seed: seed, epoch: epoch)
      found.append(try augmentation.distorted(batch, ThreadPool(count: 1)).tensor("input"))
    }
    for (place, tensor) in found.enumerated() {
      #expect(!found[..<place].contains(tensor))
    }
  }

  /// Each draws from its own range, all of it, independently of the others.
  @Test func drawsFillTheirRangesEvenly() throws {
    var augmentation = Augmentation()
    augmentation.shift = -1...2
    augmentation.flip = 0.25
    let draws = try AugmentationDraws(for: makeBatch(bytes([1, 1])))
    var counts = [Int: Int]()
    var flips = 0
    for row in 0..<16_000 {
      let geometry = Geometry(augmentation, draws, row: UInt64(row))
      counts[geometry.shift.x * 10 + geometry.shift.y, default: 0] += 1
      flips += geometry.flips.x ? 1 : 0
      #expect(!geometry.flips.y)
    }
    #expect(counts.count == 16)
    // 1,000 of each are expected, with a standard deviation of 31; 4,000 flips, with one of 55.
    #expect(counts.values.allSatisfy { abs($0 - 1000) < 155 })
    #expect(abs(flips - 4000) < 275)
  }

  @Test func factorsAreEvenInTheirLogarithm() throws {
    let range = 0.5...2.0
    #expect(range.factor(at: 0) == 0.5)
    #expect(abs(range.factor(at: 0.5) - 1) < 1e-15)
    #expect(range.factor(at: 1) == 2)
    #expect((0.3...0.3).factor(at: 0.7) == 0.3)
    #expect((-3.0...5).value(at: 0.25) == -1)
  }

  private func fault(
    _ batch: Document, _ augmentation: Augmentation = everything()
  ) throws -> String {
    let error = try #require(throws: (any Error).self) {
      try augmentation.distorted(batch, ThreadPool(count: 1))
    }
    return String(describing: error)
  }

  @Test func aBatchWithoutWhatDrawsNeedIsRefused() throws {
    let whole = makeBatch(bytes([3, 5, 5]))
    func without(_ change: (inout Document) -> Void) throws -> String {
      var batch = whole
      change(&batch)
      return try fault(batch)
    }
    #expect(try without { $0[.epoch] = nil } == "metadata: 'nn.epoch' is missing")
    #expect(try without { $0[.seed] = nil } == "metadata: 'nn.seed' is missing")
    #expect(
      try without { $0[.seed] = "-1" }
        == "nn.seed: found '-1', expected a whole number from 0 to 18446744073709551615")
    #expect(
      try without { $0.tensors["index"] = nil } == "tensor 'index' is missing from the batch")
    #expect(
      try without { $0.tensors["index"] = Tensor([1, 2] as [Int64]) }
        == "tensor 'index': found shape [2], expected 3 examples as in 'input'")
    #expect(
      try without { $0.tensors["index"] = Tensor([1, 2, 3] as [Int64], shape: [3, 1]) }
        == "tensor 'index': found shape [3, 1], expected [3]")
    #expect(
      try without { $0.tensors["index"] = Tensor([1, 2, 3] as [Float]) }
        == "tensor 'index': found F32, expected I64")
    #expect(
      try without { $0.tensors["index"] = Tensor([1, -2, 3] as [Int64]) }
        == "tensor 'index': found row -2, expected 0 or above")
    #expect(
      try without { $0.tensors["input"] = nil } == "tensor 'input' is missing from the batch")
    #expect(try without { $0[.kind] = "dataset" }.hasPrefix("found a dataset, expected a batch"))
    #expect(
      try without { $0[.augmentation] = "flip=1" }
        == "nn.augmentation: the batch is distorted already (flip=1); give all distortions to one nn-augment"
    )
  }

  @Test func inputsThatAreNoPicturesAreRefused() throws {
    let flat = "expected pictures [N, H, W] or [N, C, H, W]; --shape says what flat ones are"
    for shape: Shape in [[], [3, 25], [3, 1, 1, 5, 5], [3, 0, 5]] {
      let input = Tensor(zeros: shape, .u8)
      var batch = makeBatch(bytes([3, 5, 5]))
      batch.tensors["input"] = input
      #expect(try fault(batch) == "tensor 'input': found shape \(shape), \(flat)")
    }
    #expect(
      try fault(makeBatch(Tensor([1, 2, 3, 4] as [Int32], shape: [1, 2, 2])), flip())
        == "tensor 'input': found I32, expected U8, I8, U16, I16, F32 or F64")
    var stated = flip()
    stated.shape = [1, 5, 4]
    #expect(
      try fault(makeBatch(bytes([3, 25])), stated)
        == "tensor 'input': found shape [3, 25], expected pictures of 1x5x4 as --shape has it")
    #expect(
      try fault(makeBatch(bytes([3, 4, 5])), stated)
        == "tensor 'input': found shape [3, 4, 5], expected pictures of 1x5x4 as --shape has it")
    var far = Augmentation()
    far.shift = -5...0
    #expect(
      try fault(makeBatch(bytes([3, 5, 6])), far)
        == "a shift by 5 leaves nothing of a picture of 5x6")
    var odd = flip()
    odd.fill = -1
    #expect(
      try fault(makeBatch(bytes([3, 5, 6])), odd)
        == "--fill: found -1, expected a number that U8 holds, as 'input' is")
    odd.fill = 0.5
    #expect(try fault(makeBatch(bytes([3, 5, 6])), odd).hasPrefix("--fill: found 0.5, "))
    odd.fill = 1e300
    #expect(
      try fault(makeBatch(Tensor(zeros: [1, 2, 2], .f32)), odd).hasPrefix("--fill: found 1e+300"))
  }

  @Test func numbersThatAreNoneAreRefused() throws {
    #expect(
      try fault(makeBatch(Tensor([1, .nan, 3, 4] as [Float], shape: [1, 2, 2])), flip())
        == "tensor 'input': found nan at [0, 0, 1], expected finite numbers")
    var loud = Augmentation()
    loud.noise = 1e308...1e308
    let error = try #require(throws: DocumentError.self) {
      try loud.distorted(makeBatch(Tensor(zeros: [40, 5, 5], .f64)), ThreadPool(count: 1))
    }
    #expect(error.isNumerical)
  }

  private func flip() -> Augmentation {
    var flip = Augmentation()
    flip.flip = 1
    return flip
  }
}

import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct BatchingTests {
  @Test func everyRowComesOnceAndTheLastBatchHasTheRest() throws {
    let epoch = Epoch(
      1, of: InMemoryDataset(try Dataset(makeDataset(10)), digest: "abc"),
      Batching(size: 4, isShuffled: true, seed: 1))
    #expect(epoch.steps == 3)
    let batches = try (1...3).map { try epoch.batch($0) }
    #expect(batches.map { $0.tensors["index"]?.shape[0] } == [4, 4, 2])
    let rows = batches.flatMap { $0.tensors["index"]?.values(of: Int64.self) ?? [] }
    #expect(rows.sorted() == Array(0..<10))
    #expect(rows != Array(0..<10))
    for batch in batches {
      let rows = try batch.tensor("index").values(of: Int64.self)
      #expect(
        try batch.tensor("input").values(of: Float.self)
          == rows.flatMap { [Float($0), Float(10 * $0)] })
      #expect(try batch.tensor("target").values(of: Int64.self) == rows.map { $0 % 3 })
    }
  }

  @Test func aBatchSaysWhereItComesFrom() throws {
    let epoch = Epoch(
      3, of: InMemoryDataset(try Dataset(makeDataset(10)), digest: "abc"),
      Batching(size: 4, isShuffled: true, seed: 5))
    let batch = try epoch.batch(2)
    #expect(
      batch.metadata == [
        "nn.format": "1", "nn.kind": "batch", "nn.epoch": "3", "nn.step": "2", "nn.steps": "3",
        "nn.seed": "5", "nn.data": "abc", "nn.batching": "size=4 shuffle=yes",
      ])
  }

  @Test func aDatasetsOtherMetadataPasses() throws {
    var document = makeDataset(10)
    document.metadata["license"] = "CC0"
    let epoch = Epoch(
      1, of: InMemoryDataset(try Dataset(document), digest: ""),
      Batching(size: 4, isShuffled: true, seed: 5))
    #expect(try epoch.batch(1).metadata["license"] == "CC0")
  }

  @Test func theOrderIsAFunctionOfSeedAndEpoch() throws {
    func rows(seed: UInt64, epoch: Int) throws -> [Int64] {
      try Epoch(
        epoch, of: InMemoryDataset(try Dataset(makeDataset(50)), digest: ""),
        Batching(size: nil, isShuffled: true, seed: seed)
      ).batch(1).tensor("index").values(of: Int64.self)
    }
    #expect(try rows(seed: 1, epoch: 1) == rows(seed: 1, epoch: 1))
    #expect(try rows(seed: 1, epoch: 1) != rows(seed: 2, epoch: 1))
    #expect(try rows(seed: 1, epoch: 1) != rows(seed: 1, epoch: 2))
  }

  @Test func withoutShufflingTheDatasetsOrderStays() throws {
    let epoch = Epoch(
      9, of: InMemoryDataset(try Dataset(makeDataset(5)), digest: ""),
      Batching(size: nil, isShuffled: false, seed: 1))
    #expect(epoch.steps == 1)
    #expect(try epoch.batch(1).tensor("index").values(of: Int64.self) == [0, 1, 2, 3, 4])
    #expect(try epoch.batch(1)[.batching] == "size=all shuffle=no")
  }

  @Test func datasetsOfSeveralFilesAreOne() throws {
    let joined = try Dataset(joining: [Dataset(makeDataset(2)), Dataset(makeDataset(3))])
    #expect(joined.count == 5)
    #expect(joined.input.values(of: Float.self) == [0, 0, 1, 10, 0, 0, 1, 10, 2, 20])
  }

  @Test func refusesToJoinWhatDiffers() throws {
    var other = makeDataset(2)
    other.tensors["input"] = Tensor([1, 2] as [Double], shape: [2, 1])
    let error = #expect(throws: DocumentError.self) {
      try Dataset(joining: [Dataset(makeDataset(2)), Dataset(other)])
    }
    #expect(
      error?.description == "tensor 'input': found F64, expected F32 as in the first dataset")
    other.tensors["input"] = Tensor([1, 2] as [Float], shape: [2, 1])
    let shape = #expect(throws: DocumentError.self) {
      try Dataset(joining: [Dataset(makeDataset(2)), Dataset(other)])
    }
    #expect(
      shape?.description
        == "tensor 'input': found shape [2, 1], expected […] + [2] as in the first dataset")
    other = makeDataset(2)
    other.tensors["target"] = nil
    #expect(throws: DocumentError.missingTensor("target", kind: .dataset)) {
      try Dataset(joining: [Dataset(makeDataset(2)), Dataset(other)])
    }
  }

  @Test func refusesADatasetWithoutRowsOrWithRaggedTargets() {
    #expect(throws: DocumentError.noExamples("input")) { try Dataset(makeDataset(0)) }
    var ragged = makeDataset(3)
    ragged.tensors["target"] = Tensor([0, 1] as [Int64])
    #expect(
      throws: DocumentError.wrongShape(
        "target", found: [2], expected: "3 examples as in 'input'")
    ) { try Dataset(ragged) }
  }

  @Test func aSplitHasEveryRowOnceInOrder() throws {
    let (part, rest) = try split(Dataset(makeDataset(10)), fraction: 0.7, seed: 3)
    func rows(_ document: Document) throws -> [Float] {
      let values = try document.tensor("input").values(of: Float.self)
      return stride(from: 0, to: values.count, by: 2).map { values[$0] }
    }
    #expect(try rows(part).count == 7 && rows(rest).count == 3)
    #expect(try rows(part) == rows(part).sorted() && rows(rest) == rows(rest).sorted())
    #expect(try (rows(part) + rows(rest)).sorted() == (0..<10).map(Float.init))
    #expect(try rows(part) != (0..<7).map(Float.init))
  }

  @Test func refusesASplitWithAnEmptyPart() throws {
    let dataset = try Dataset(makeDataset(3))
    #expect(throws: TrainingError.emptyPart(fraction: 0.1, of: 3)) {
      try split(dataset, fraction: 0.1, seed: 1)
    }
    #expect(throws: TrainingError.emptyPart(fraction: 0.9, of: 3)) {
      try split(dataset, fraction: 0.9, seed: 1)
    }
  }
}

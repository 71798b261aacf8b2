import Safetensors
import Tensors
import Testing

@Suite struct DocumentTests {
  @Test func aDocumentOfAKindCarriesFormatAndKind() {
    let document = Document(kind: .batch)
    #expect(document.metadata == ["nn.format": "1", "nn.kind": "batch"])
    #expect(document.kind == .batch)
  }

  @Test func somebodyElsesDocumentPassesTheFormatCheck() throws {
    try Document(metadata: ["framework": "pt"]).checkFormat()
  }

  @Test func refusesANewerFormat() {
    let document = Document(metadata: ["nn.format": "2", "nn.kind": "batch"])
    #expect(throws: DocumentError.newerFormat("2")) { try document.checkFormat() }
    #expect(
      DocumentError.newerFormat("2").description == "nn.format: found '2', this program reads 1")
  }

  @Test func refusesOwnKeysWithoutAFormat() {
    let document = Document(metadata: ["nn.kind": "batch"])
    #expect(throws: DocumentError.missingKey(.format)) { try document.checkFormat() }
  }

  @Test func refusesUnknownKeysAndKinds() {
    var document = Document(kind: .batch)
    document.metadata["nn.flavour"] = "sweet"
    #expect(throws: DocumentError.unknownKey("nn.flavour")) { try document.checkFormat() }
    document.metadata = ["nn.format": "1", "nn.kind": "cake"]
    #expect(throws: DocumentError.unknownKind("cake")) { try document.checkFormat() }
  }

  @Test func aWrongKindSaysWhichStageWritesTheRightOne() {
    let error = #expect(throws: DocumentError.self) {
      try Document(kind: .batch).require(.trace)
    }
    #expect(
      error?.description == "found a batch, expected a trace (nn-forward --trace writes one)")
    let other = #expect(throws: DocumentError.self) { try Document().require(.model) }
    #expect(
      other?.description
        == "found a document without nn.kind, expected a model (nn-init writes one)")
  }

  @Test func aDocumentOfAnotherProgramMayBeADatasetAndNothingElse() throws {
    let foreign = Document(metadata: ["framework": "pt"])
    try foreign.require(.dataset)
    try foreign.require(.batch, .dataset)
    #expect(throws: DocumentError.self) { try foreign.require(.batch) }
    #expect(throws: DocumentError.self) { try Document(kind: .model).require(.dataset) }
  }

  @Test(arguments: ["", "-1", "+1", "01", "1.0", "9223372036854775808", " 1", "x"])
  func refusesWhatIsNoWholeNumber(_ text: String) {
    var document = Document(kind: .model)
    document[.step] = text
    #expect(
      throws: DocumentError.malformed(.step, found: text, expected: "a whole number below 2^53")
    ) { try document.integer(.step) }
  }

  @Test(arguments: ["nan", "inf", "", "one", "1e999"])
  func refusesWhatIsNoFiniteNumber(_ text: String) {
    var document = Document(kind: .gradient)
    document[.loss] = text
    #expect(throws: DocumentError.self) { try document.number(.loss) }
  }

  @Test func numbersReadBackAsWritten() throws {
    for value in [0.1, 64, 1e-5, -0.16595599, .pi, .leastNonzeroMagnitude, 1e300] {
      var document = Document(kind: .gradient)
      document[.loss] = decimal(value)
      #expect(try document.number(.loss) == value)
    }
    #expect(decimal(64) == "64")
  }

  @Test func aValueThatIsNotFiniteIsANumericalFaultWithItsPlace() {
    let tensor = Tensor([1, .nan, 3, .infinity] as [Float], shape: [2, 2])
    let error = #expect(throws: DocumentError.self) { try tensor.requireFinite("dense1.weight") }
    #expect(error?.isNumerical == true)
    #expect(
      error?.description
        == "tensor 'dense1.weight': found nan at [0, 1], expected finite numbers (2 of 4 are not)")
  }

  @Test func foreignMetadataAndTensorsPassThrough() {
    var source = Document(kind: .batch)
    source.metadata["author"] = "me"
    source.tensors = ["input": Tensor([1] as [Float]), "mask": Tensor([2] as [Float])]
    var result = Document(kind: .trace)
    result.passThrough(from: source) { $0 == "input" }
    #expect(result.metadata["author"] == "me")
    #expect(result[.kind] == "trace")
    #expect(result.tensors.keys.sorted() == ["mask"])
  }

  @Test func aDatasetHoldsOnlyWhatFits() throws {
    let input = Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
    let ids = Tensor([0, 1] as [Int64])
    let dataset = try Document.dataset(input: input, target: ids, classes: ["cat", "dog"])
    #expect(dataset[.classes] == "cat\ndog" && dataset.kind == .dataset)
    #expect(dataset.tensors == ["input": input, "target": ids])

    func message(_ input: Tensor, _ target: Tensor?, _ classes: [String]? = nil) -> String {
      let error = #expect(throws: DocumentError.self) {
        try Document.dataset(input: input, target: target, classes: classes)
      }
      return error?.description ?? ""
    }
    #expect(
      message(input, Tensor([0] as [Int64]))
        == "tensor 'target': found shape [1], expected 2 examples as in 'input'")
    #expect(
      message(input, ids, ["a\nb", "c"])
        == "nn.classes: found 'a\\nb', expected names without line feeds")
    #expect(
      message(Tensor([1, .infinity] as [Float], shape: [2, 1]), ids)
        == "tensor 'input': found inf at [1, 0], expected finite numbers")
    #expect(
      message(Tensor(zeros: [0, 2], .f32), nil) == "tensor 'input': no examples")
  }
}

import Safetensors
import Scratch
import Tensors
import Testing

/// Start rules, and activations and losses with options, through the built programs.
@Suite struct InitTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  @Test func everyRuleStartsItsOwnWayAndSaysSoInTheLineage() throws {
    let rules = [
      "uniform", "glorot-uniform", "glorot-normal", "he-uniform", "he-normal", "orthogonal",
      "zeros",
    ]
    var weights: [Tensor] = []
    for rule in rules {
      let outcome = try Tool.run(
        "nn-init", ["net", "--dtype", "f64", "--initializer", rule, "-o", "a.gz"], in: folder)
      #expect(outcome.status == 0 && outcome.message == "")
      let model = try folder.document("a.gz")
      #expect(model.metadata["nn.lineage"] == "start seed=1 dtype=f64 rule=\(rule)")
      weights.append(try #require(model.tensors["dense1.weight"]))
      #expect(model.tensors["dense1.bias"] == Tensor(zeros: [2], .f64))
    }
    #expect(weights.last == Tensor(zeros: [2, 3], .f64))
    for index in weights.indices { #expect(weights.firstIndex(of: weights[index]) == index) }
  }

  @Test func autoIsTheDefault() throws {
    let given = try Tool.run(
      "nn-init", ["net", "--dtype", "f64", "--initializer", "auto", "-o", "a.gz"], in: folder)
    #expect(given.status == 0)
    #expect(try folder.read("a.gz") == folder.read("model.safetensors.gz"))
  }

  @Test func aTraceCarriesWhatActivationsAndLossesWithOptionsNeed() throws {
    let topology = """
      input 3
      dense 5 gelu
      leaky-relu slope=0.2
      dense 4 silu
      elu alpha=0.5
      dense 2 softmax
      loss cross-entropy smoothing=0.1 weights=2,0.5
      """
    try folder.write("own.net", topology)
    try folder.write("ids.safetensors", from: "data.safetensors") {
      $0.tensors["target"] = Tensor([0, 1, 1, 0] as [UInt8])
    }
    let outcome = try Tool.sh(
      """
      set -e
      nn-init own.net --initializer he-normal -o start.gz
      nn-batch ids.safetensors --size all --limit 1 | nn-forward -m start.gz --trace -o trace.gz
      nn-backprop trace.gz | nn-update --rate 0.5 -m start.gz -o steps.gz
      nn-train ids.safetensors -m start.gz --size all --rate 0.5 --epochs 1 -q -o fused.gz
      """, in: folder)
    #expect(outcome.status == 0 && outcome.message == "")
    let names = try folder.document("trace.gz").tensors.keys.filter { $0.hasSuffix(".sum") }
    #expect(names.sorted() == ["dense1.sum", "dense2.sum", "dense3.sum"])
    let (steps, fused) = (try folder.document("steps.gz"), try folder.document("fused.gz"))
    #expect(steps.tensors == fused.tensors)
    #expect(
      steps.tensors["dense1.weight"] != (try folder.document("start.gz").tensors["dense1.weight"]))
  }

  @Test func aNeuronWithHingeLearnsAndIsRightOnEitherSideOfZero() throws {
    try folder.write("own.net", "input 3\ndense 1\nloss hinge\n")
    try folder.write("and.safetensors", from: "data.safetensors") {
      $0.tensors["input"] = Tensor(
        [0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1] as [Double], shape: [4, 3])
      $0.tensors["target"] = Tensor([0, 1, 0, 0] as [UInt8])
    }
    let outcome = try Tool.sh(
      """
      set -e
      nn-init own.net --initializer zeros -o start.gz
      nn-train and.safetensors -m start.gz --size all --rate 0.5 --epochs 100 -q -o trained.gz
      nn-forward -m trained.gz and.safetensors -o prediction.gz
      nn-eval prediction.gz
      """, in: folder)
    #expect(outcome.status == 0 && outcome.message == "")
    #expect(outcome.text.contains("\t1\t4\n"))
    let output = try #require(try folder.document("prediction.gz").tensors["output"]).doubles()
    #expect(output[1] > 0 && output.enumerated().allSatisfy { $0.offset == 1 || $0.element < 0 })
  }
}

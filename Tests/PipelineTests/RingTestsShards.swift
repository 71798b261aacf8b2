import Safetensors
import Tensors
import Testing

/// Gradients of shards add up to the gradient of all.
@Suite struct RingTestsShards {
  /// The gradient of 64 examples at once, and the sum of the gradients of four times sixteen.
  private func gradients(_ start: Ring) throws -> (whole: Document, sum: Document) {
    let outcome = try Tool.sh(
      """
      set -e
      batches() { nn-batch train.safetensors --no-shuffle "$@"; }
      forward() { nn-forward -m start.safetensors --trace "$@"; }
      batches --size 64 --limit 1 | forward | nn-backprop -o whole.safetensors
      batches --size 16 | forward | nn-backprop | nn-sum -o sum.safetensors
      for shard in 0 1 2 3; do
        batches --size 16 --skip $shard --limit 1 | forward | nn-backprop -o shard-$shard.safetensors
      done
      nn-sum shard-*.safetensors -o files.safetensors
      """, in: start.folder)
    try #require(outcome.status == 0, "\(outcome.message)")
    let sum = try start.folder.document("sum.safetensors")
    #expect(try start.folder.document("files.safetensors") == sum)
    return (try start.folder.document("whole.safetensors"), sum)
  }

  @Test(arguments: [("f32", 1e-5), ("f64", 1e-13)])
  func gradientsOfShardsAddUpToRounding(_ dtype: String, _ tolerance: Double) throws {
    let start = try Ring(
      rows: 64, columns: 12, layers: "dense 9 tanh\ndense 2 softmax", dtype: dtype)
    let (whole, sum) = try gradients(start)
    #expect(sum.tensors.keys.sorted() == whole.tensors.keys.sorted())
    #expect(sum.metadata["nn.examples"] == "64")
    #expect(whole.metadata["nn.examples"] == "64")
    for (name, tensor) in whole.tensors {
      let (a, b) = (tensor.doubles(), try #require(sum.tensors[name]).doubles())
      #expect(sum.tensors[name]?.shape == tensor.shape)
      let largest = a.map(abs).max() ?? 0
      try #require(largest > 0, "\(name) is all zeros")
      let worst = zip(a, b).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst <= tolerance * largest, "\(name): \(worst) of \(largest)")
    }
  }

  /// With integers nothing is rounded.
  @Test(arguments: ["f32", "f64"]) func gradientsOfIntegersAddUpExactly(_ dtype: String) throws {
    let start = try Ring(
      rows: 64, columns: 12, layers: "dense 9 relu\ndense 2 identity", loss: "squared",
      dtype: dtype)
    func integers(_ count: Int, _ shape: Shape) -> Tensor {
      Tensor((0..<count).map { Float($0 * 37 % 7 - 3) }, shape: shape)
    }
    try start.folder.write(
      "weights.safetensors",
      Document(tensors: [
        "dense1.weight": integers(108, [9, 12]), "dense1.bias": integers(9, [9]),
        "dense2.weight": integers(18, [2, 9]), "dense2.bias": integers(2, [2]),
      ]))
    try start.folder.write(
      "train.safetensors",
      .dataset([
        "input": integers(64 * 12, [64, 12]), "target": Tensor((0..<64).map { Int64($0 % 2) }),
      ]))
    let initial = try Tool.run(
      "nn-init",
      ["net", "--weights", "weights.safetensors", "--dtype", dtype, "-o", "start.safetensors"],
      in: start.folder)
    try #require(initial.status == 0, "\(initial.message)")
    let (whole, sum) = try gradients(start)
    #expect(sum.tensors == whole.tensors)
    #expect(sum.metadata["nn.loss"] == whole.metadata["nn.loss"])
    #expect(sum.metadata["nn.examples"] == whole.metadata["nn.examples"])
    #expect(whole.tensors["dense1.weight"]?.doubles().contains { $0 != 0 } == true)
  }
}

import Safetensors
import Testing

/// Law 4: whichever way the same steps are run, they end in the same document.
@Suite struct RingTestsRoutes {
  /// What a network is and computes in.
  struct Case: CustomTestStringConvertible, Sendable {
    let layers: String
    let loss: String
    let dtype: String
    var testDescription: String { "\(loss) \(dtype)" }

    static let all = [
      ("dense 300 tanh\ndense 2 sigmoid", "squared"),
      ("dense 300 relu\ndense 2 softmax", "cross-entropy"),
      ("dense 300 sigmoid\ndense 1 sigmoid", "binary-cross-entropy"),
    ].flatMap { layers, loss in ["f32", "f64"].map { Case(layers: layers, loss: loss, dtype: $0) } }
  }

  /// The routes as text for `sh`; the last writes `end.safetensors`.
  ///
  /// 300 examples in batches of 64: five steps an epoch, the last one shorter; 64 × 300 signals are more than one piece
  /// of elementwise arithmetic, and two pieces of a product.
  private let tools = """
    set -e
    batches() { nn-batch train.safetensors --size 64 --seed 5 "$@"; }
    update() { nn-update --rate 0.25 "$@"; }
    fused() { nn-train train.safetensors --size 64 --seed 5 --rate 0.25 --epochs 2 "$@"; }

    """ + routeFunctions

  private static let routes = [
    "by hand": "by_hand start.safetensors end.safetensors 0 9",
    "ring, both epochs": "batches --epochs 2 | ring start.safetensors end.safetensors",
    "ring, two streams":
      "{ batches; batches --epoch 2; } | ring start.safetensors end.safetensors",
    "ring, one an epoch": """
    batches | ring start.safetensors half.safetensors
    batches --epoch 2 | ring half.safetensors end.safetensors
    """,
    "nn-train -j 1": "fused -m start.safetensors -j 1 -o end.safetensors",
    "nn-train -j 2": "fused -m start.safetensors -j 2 -o end.safetensors",
    "nn-train -j 3": "fused -m start.safetensors -j 3 -o end.safetensors",
    "nn-train -j 4": "fused -m start.safetensors -j 4 -o end.safetensors",
    "nn-train, stopped twice": """
    fused -m start.safetensors --limit 3 -o half.safetensors
    fused -m half.safetensors --limit 4 -o half.safetensors
    fused -m half.safetensors -o end.safetensors
    """,
    "nn-train, then by hand": """
    fused -m start.safetensors --limit 4 -o half.safetensors
    by_hand half.safetensors end.safetensors 4 9
    """,
    "nn-train, then the ring": """
    fused -m start.safetensors --limit 7 -o half.safetensors
    batches --epochs 2 --skip 7 | ring half.safetensors end.safetensors
    """,
    "ring, then by hand, then nn-train": """
    batches --limit 2 | ring start.safetensors half.safetensors
    by_hand half.safetensors half.safetensors 2 5
    fused -m half.safetensors -o end.safetensors
    """,
  ]

  private func end(of route: String, _ start: Ring) throws -> [UInt8] {
    let outcome = try Tool.sh(tools + route, in: start.folder)
    try #require(outcome.status == 0, "\(route): \(outcome.message)")
    #expect(outcome.message == "")
    return try start.folder.read("end.safetensors")
  }

  @Test(arguments: Case.all) func allRoutesEndInTheSameDocument(_ network: Case) throws {
    let start = try Ring(
      rows: 300, columns: 12, layers: network.layers, loss: network.loss, dtype: network.dtype)
    let expected = try end(of: "fused -m start.safetensors -o end.safetensors", start)
    for (name, route) in Self.routes {
      #expect(try end(of: route, start) == expected, "\(name)")
    }
  }

  @Test func otherSettingsEndElsewhere() throws {
    let start = try Ring(rows: 300, columns: 12, layers: "dense 2 softmax")
    let usual = "nn-train train.safetensors -m start.safetensors --epochs 2 -o end.safetensors"
    var ends = Set<[UInt8]>()
    let settings = [
      "--size 64 --seed 5 --rate 0.25", "--size 63 --seed 5 --rate 0.25",
      "--size 64 --seed 6 --rate 0.25", "--size 64 --seed 5 --rate 0.26",
      "--size 64 --seed 5 --rate 0.25 --no-shuffle",
      "--size 64 --seed 5 --rate 0.25 --reduce sum",
    ]
    for setting in settings {
      _ = try end(of: "\(usual) \(setting)", start)
      let document = try start.folder.document("end.safetensors")
      ends.insert(Document(tensors: document.tensors).encoded())
    }
    #expect(ends.count == settings.count)
  }
}

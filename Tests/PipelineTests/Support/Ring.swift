import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// The four stages in the order of the pipe.
enum RingStage: Int, CaseIterable, CustomTestStringConvertible {
  case batch, forward, backprop, update

  var tool: String { ["nn-batch", "nn-forward", "nn-backprop", "nn-update"][rawValue] }
  var testDescription: String { tool }
  var before: [RingStage] { RingStage.allCases.filter { $0.rawValue < rawValue } }
  var after: [RingStage] { RingStage.allCases.filter { $0.rawValue > rawValue } }
}

/// The ring of four stages as text for a shell, with whatever a test puts in place of a stage or between two.
struct Ring {
  /// The folder with `train.safetensors` and `start.safetensors`, where it runs.
  let folder: Scratch
  /// The commands of the stages.
  var batch = "nn-batch train.safetensors --size 2 --seed 1"
  var forward = "nn-forward -m start.safetensors --follow \"$tmp/weights\" --trace"
  var backprop = "nn-backprop"
  var update =
    "nn-update -m start.safetensors --rate 0.1 --feedback \"$tmp/weights\" -o next.safetensors"
  /// What the script does before it starts the stages.
  var preparation = ":"
  /// Filters in the pipes: behind which stage, what.
  var filters: [RingStage: String] = [:]

  /// 80 examples of 3 numbers: 40 steps; and a network of 3, 4 and 2 neurons.
  init() throws { try self.init(rows: 80, columns: 3, layers: "dense 4 tanh\ndense 2 softmax") }

  init(
    rows: Int, columns: Int, layers: String, loss: String = "cross-entropy", dtype: String = "f32"
  ) throws {
    folder = try Scratch()
    let values = (0..<rows * columns).map { Float($0 * 7919 % 1009) / 504 - 1 }
    let classes = (0..<rows).map { Int64($0 * 31 % 7 % 2) }
    try folder.write(
      "train.safetensors",
      .dataset(["input": Tensor(values, shape: [rows, columns]), "target": Tensor(classes)]))
    try folder.write("net", "input \(columns)\n\(layers)\nloss \(loss)\n")
    let start = try Tool.run(
      "nn-init", ["net", "--dtype", dtype, "-o", "start.safetensors"], in: folder)
    try #require(start.status == 0, "\(start.message)")
  }

  subscript(stage: RingStage) -> String {
    get { [batch, forward, backprop, update][stage.rawValue] }
    set {
      switch stage {
      case .batch: batch = newValue
      case .forward: forward = newValue
      case .backprop: backprop = newValue
      case .update: update = newValue
      }
    }
  }

  /// The pipe alone.
  var pipe: String {
    RingStage.allCases.map { stage in
      self[stage] + (filters[stage].map { " \\\n| \($0)" } ?? "")
    }.joined(separator: " \\\n| ")
  }

  /// The whole script. `stage TOOL …` runs a tool and keeps its process number in `TOOL.pid`.
  var script: String {
    """
    stage() { exec sh -c 'echo $$ >"$0.pid"; exec "$0" "$@"' "$@"; }
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkfifo "$tmp/weights"
    \(preparation)
    \(pipe)
    """
  }

  /// The same script, which also writes the status of every stage.
  private var scriptForBash: String {
    script + "\nstatuses=(\"${PIPESTATUS[@]}\")\necho \"${statuses[@]}\" >statuses\n"
      + "exit ${statuses[${#statuses[@]}-1]}\n"
  }

  /// Runs the ring under plain `sh` to its end.
  func run() throws -> RingOutcome { try RingSession(script, in: folder).outcome() }

  /// Runs the ring under `bash`, which knows how every stage ended.
  func runForStatuses() throws -> (RingOutcome, [RingStage: Int32]) {
    let session = try RingSession(scriptForBash, in: folder, shell: ["/bin/bash", "-c"])
    let outcome = try session.outcome()
    let text = String(decoding: try folder.read("statuses"), as: UTF8.self)
    let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    var statuses: [RingStage: Int32] = [:]
    var place = 0
    for stage in RingStage.allCases {
      statuses[stage] = try #require(place < numbers.count ? numbers[place] : nil)
      place += filters[stage] == nil ? 1 : 2
    }
    return (outcome, statuses)
  }

  /// A filter that somebody else wrote.
  static func python(_ arguments: String = "") -> String {
    let program = Tool.project.appending(path: "Tests/Programs/frames.py").path
    return "'\(Tool.python)' '\(program)' \(arguments)"
  }
}

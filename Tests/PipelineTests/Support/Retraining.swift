import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// A folder that `pipelines/scripts/retrain.sh` works in: a network of two inputs that tells x + y > 1 from x + y ≤ 1.
final class Retraining {
  static let script = Tool.project.appending(path: "pipelines/scripts/retrain.sh").path

  let scratch: Scratch

  /// - Parameter settings: lines of `retrain/settings`.
  init(settings: String = "train --rate 0.5 --size 8\nepochs 20\n") throws {
    scratch = try Scratch()
    try scratch.write("net", "input 2\ndense 4 tanh\ndense 2 softmax\nloss cross-entropy\n")
    try Self.dataset(seed: 1, rows: 60).write(to: "first.safetensors.gz", in: scratch)
    try Self.dataset(seed: 2, rows: 60).write(to: "holdout.safetensors.gz", in: scratch)
    let made = try Tool.sh(
      """
      nn-init net -o model.safetensors.gz &&
      '\(Self.script)' --init --model model.safetensors.gz --holdout holdout.safetensors.gz \
        retrain first.safetensors.gz
      """, in: scratch, environment: ["NN_BIN": Tool.folder.path])
    try #require(made.status == 0 && made.message == "", "\(made.message)")
    try scratch.write("retrain/settings", settings)
  }

  /// Points that no other seed has; class 1 where x + y > 1.
  static func dataset(seed: UInt64, rows: Int, _ change: (inout Document) -> Void = { _ in })
    -> Dataset
  {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    let points = (0..<rows * 2).map { _ -> Double in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Double(state >> 11) * 0x1p-53
    }
    let classes = (0..<rows).map { Int64(points[2 * $0] + points[2 * $0 + 1] > 1 ? 1 : 0) }
    var document = Document.dataset([
      "input": Tensor(points, shape: [rows, 2]), "target": Tensor(classes),
    ])
    change(&document)
    return Dataset(document: document)
  }

  struct Dataset {
    let document: Document
    func write(to name: String, in scratch: Scratch) throws { try scratch.write(name, document) }
  }

  /// Puts a file into `incoming/`.
  func deliver(_ dataset: Dataset, as name: String) throws {
    try dataset.write(to: "retrain/incoming/\(name)", in: scratch)
  }

  /// Runs the script, which `SCRIPT` is the process of; `options` stand before the folder.
  func run(_ options: String = "", environment: [String: String] = [:]) throws -> Outcome {
    try Tool.sh(
      "SCRIPT=$$ exec '\(Self.script)' \(options) retrain", in: scratch,
      environment: ["NN_BIN": Tool.folder.path].merging(environment) { _, new in new })
  }

  /// Runs the script, which must succeed silently.
  func succeed(_ options: String = "", sourceLocation: SourceLocation = #_sourceLocation) throws {
    let outcome = try run(options)
    #expect(outcome.message == "" && outcome.text == "", sourceLocation: sourceLocation)
    #expect(outcome.status == 0, sourceLocation: sourceLocation)
  }

  func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: scratch.path("retrain/\(folder)")).sorted()
  }

  /// The file's name that a link in `models/` points to.
  func model(_ link: String) throws -> String {
    try FileManager.default.destinationOfSymbolicLink(
      atPath: scratch.path("retrain/models/\(link)"))
  }

  /// A table's rows without its header.
  func table(_ name: String) throws -> [[String]] {
    let text = String(decoding: try scratch.read("retrain/\(name)"), as: UTF8.self)
    return text.split(separator: "\n").dropFirst().map { $0.components(separatedBy: "\t") }
  }

  /// What must not change when there is nothing to learn: every file but logs, by its path, with its bytes; links with
  /// where they point.
  func state() throws -> [String: [UInt8]] {
    var state = [String: [UInt8]]()
    for folder in ["archive", "holdout", "incoming", "models", "work/claimed"] {
      for name in try names(in: folder) {
        let path = "\(folder)/\(name)"
        let link = try? FileManager.default.destinationOfSymbolicLink(
          atPath: scratch.path("retrain/\(path)"))
        state[path] = try link.map { Array($0.utf8) } ?? scratch.read("retrain/\(path)")
      }
    }
    return state
  }
}

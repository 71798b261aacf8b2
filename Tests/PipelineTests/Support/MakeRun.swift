import Foundation
import Scratch

/// `make train` with the built programs, on the digits, in a folder of the test's own.
struct MakeRun {
  let folder: Scratch
  var knobs: [String: String]

  init(_ knobs: [String: String] = [:]) throws {
    folder = try Scratch()
    // Newer than every source, so that Make builds nothing.
    try folder.write("built", "")
    self.knobs = [
      "SETUP": "true", "BIN": Tool.folder.path, "built": folder.path("built"),
      "DATA": folder.path("data"), "MEASURE_TRAIN": "no", "SIZE": "4", "JOBS": "1",
      "ENGINE": "fused",
    ].merging(knobs) { _, new in new }
  }

  /// The command, which a test may put `exec` before.
  func command(_ goal: String = "train", run: String = "run", _ others: [String: String] = [:])
    -> String
  {
    let all = knobs.merging(others) { _, new in new }.merging(["RUN": folder.path(run)]) { a, _ in a
    }
    let words = all.sorted { $0.key < $1.key }.map { "\($0.key)='\($0.value)'" }
    return "make -C '\(Tool.project.path)' \(goal) \(words.joined(separator: " "))"
  }

  func start(_ command: String) throws -> RingSession {
    try RingSession("exec \(command)", in: folder, environment: ["MAKEFLAGS": "", "MAKELEVEL": ""])
  }

  func model(_ epoch: Int, run: String = "run") -> String { model(epoch, named: run + "/epoch-") }

  func model(_ epoch: Int, named name: String) -> String {
    name + String(repeating: "0", count: 4 - "\(epoch)".count) + "\(epoch).safetensors.gz"
  }

  /// What an interrupted run has left of an epoch.
  func partial() throws -> [UInt8]? {
    let epochs = knobs["EPOCHS"].flatMap(Int.init) ?? 1
    return try (1...epochs).map { model($0, named: "run/partial.epoch-") }
      .first(where: folder.exists).map(folder.read)
  }
}

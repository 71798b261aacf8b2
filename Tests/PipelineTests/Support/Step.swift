import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// The files of one step by hand on the article's four examples, made once by the programs themselves.
///
/// net, table.csv, data.safetensors, and as `.safetensors.gz`: model, batch, trace, prediction, gradient, stream (two batches
/// of two).
enum Step {
  static let topology = "input 3\ndense 2 tanh\ndense 1 sigmoid\nloss squared\n"

  private static let files = Result { try make() }

  /// A fresh folder with all of them.
  static func folder() throws -> Scratch {
    let folder = try Scratch()
    for (name, bytes) in try files.get() { try folder.write(name, bytes) }
    return folder
  }

  private static func make() throws -> [String: [UInt8]] {
    let folder = try Scratch()
    try folder.write("net", topology)
    try folder.write("table.csv", "a,b\n1,2\n3,4\n")
    let inputs: [Double] = [0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1]
    try folder.write(
      "data.safetensors",
      .dataset([
        "input": Tensor(inputs, shape: [4, 3]), "target": Tensor([0.0, 1, 1, 0], shape: [4, 1]),
      ]))
    let outcome = try Tool.sh(
      """
      set -e
      nn-init net --dtype f64 --seed 1 -o model.safetensors.gz
      nn-batch data.safetensors --size all --limit 1 -o batch.safetensors.gz
      nn-batch data.safetensors --size 2 -o stream.safetensors.gz
      nn-forward -m model.safetensors.gz --trace batch.safetensors.gz -o trace.safetensors.gz
      nn-forward -m model.safetensors.gz batch.safetensors.gz -o prediction.safetensors.gz
      nn-backprop trace.safetensors.gz -o gradient.safetensors.gz
      """, in: folder)
    try #require(outcome.status == 0, "\(outcome.message)")
    return Dictionary(
      uniqueKeysWithValues: try folder.names().map { ($0, try folder.read($0)) })
  }
}

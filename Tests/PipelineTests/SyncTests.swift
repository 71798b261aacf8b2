import Foundation
import Scratch
import Testing

/// Law 5, as the kernel sees it.
@Suite struct SyncTests {
  /// The calls that a program makes about its output, in their order, without their other arguments.
  private func calls(_ command: String, in folder: Scratch) throws -> [String] {
    // Those with a question mark are not there on arm64, where others do the same.
    let outcome = try Tool.sh(
      "strace -f -y -o calls -e trace=openat,flock,write,writev,fsync,fdatasync,"
        + "?rename,?renameat,renameat2,?unlink,unlinkat \(command)", in: folder)
    try #require(outcome.status == 0, "\(outcome.message)")
    let real = try folder.realPath()
    return String(decoding: try folder.read("calls"), as: UTF8.self).split(separator: "\n")
      .compactMap { line -> String? in
        guard let call = line.firstMatch(of: #/^\d+ +(\w+)\((.*)\) += (-?\d+)/#) else { return nil }
        let arguments = String(call.2)
        let name = String(call.1)
        if name.hasPrefix("rename") { return "rename" }
        if arguments.contains(".out.gz.tmp") {
          if name == "openat" { return arguments.contains("O_EXCL") ? "create" : "open" }
          return name == "unlinkat" ? "unlink" : name
        }
        if name == "fsync", arguments.hasSuffix("<\(real)>") { return "fsync folder" }
        return nil
      }
  }

  @Test(arguments: [
    "nn-init net -o out.gz", "nn-batch data.safetensors --limit 1 -o out.gz",
    "nn-eval prediction.safetensors.gz -o out.gz",
    "nn-train data.safetensors -m model.safetensors.gz --rate 1 --epochs 1 -o out.gz",
    "nn-split data.safetensors --fraction 0.5 --rest /dev/null -o out.gz",
  ])
  func anOutputIsLockedWrittenSyncedNamedAndItsFolderSynced(_ command: String) throws {
    let folder = try Step.folder()
    for (round, before) in [[String](), ["open", "flock", "unlink"]].enumerated() {
      let found = try calls(command, in: folder)
      var kinds = [String]()
      for call in found {
        let kind = call == "writev" ? "write" : call
        if kinds.last != kind { kinds.append(kind) }
      }
      // What is left of a dead process is looked at, locked and removed first.
      if round == 1 { kinds.removeFirst(kinds.first == "create" ? 1 : 0) }
      #expect(
        kinds == before + ["create", "flock", "write", "fsync", "rename", "fsync folder"],
        "\(found)")
      try folder.write(".out.gz.tmp", "left")
    }
  }
}

extension Scratch {
  fileprivate func realPath() throws -> String {
    let path = try #require(realpath(url.path, nil))
    defer { free(path) }
    return String(cString: path)
  }
}

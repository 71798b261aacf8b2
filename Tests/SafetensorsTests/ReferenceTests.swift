import Foundation
import Safetensors
import Tensors
import Testing

/// What the reference library wrote and judged; `Tests/Oracles/safetensors_reference.py` made it and
/// says how its lines read.
private struct Reference {
  var written: [(name: String, document: Document, bytes: [UInt8])] = []
  var judged: [(name: String, isAccepted: Bool, bytes: [UInt8])] = []

  init() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Oracles/safetensors_reference.txt")
    var name = ""
    var document = Document()
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      switch words[0] {
      case "#": break
      case "case":
        name = words[1]
        document = Document()
      case "metadata": document.metadata[string(words[1])] = string(words[2])
      case "tensor":
        let dtype = try #require(DType(rawValue: words[2]))
        let shape = words[3] == "-" ? [] : words[3].split(separator: "x").compactMap { Int($0) }
        var tensor = Tensor(uninitialized: Shape(shape), dtype)
        let data = unhexed(words[4])
        tensor.withUnsafeMutableBytes { room in
          #expect(room.count == data.count)
          room.copyBytes(from: data)
        }
        document.tensors[string(words[1])] = tensor
      case "document": written.append((name, document, unhexed(words[1])))
      case "accepts", "refuses":
        judged.append((words[1], words[0] == "accepts", unhexed(words[2])))
      default: Issue.record("unknown line \(line)")
      }
    }
  }

  private func string(_ word: String) -> String { String(decoding: unhexed(word), as: UTF8.self) }

  private func unhexed(_ word: String) -> [UInt8] {
    let digits = word == "-" ? [] : word.compactMap { $0.hexDigitValue }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}

@Test func writesTheBytesOfTheReferenceLibrary() throws {
  let reference = try Reference()
  #expect(reference.written.count > 30)
  for (name, document, bytes) in reference.written {
    #expect(document.encoded() == bytes, "\(name)")
  }
}

@Test func readsWhatTheReferenceLibraryWrote() throws {
  for (name, document, bytes) in try Reference().written {
    #expect(try read(bytes) == document, "\(name)")
  }
}

/// Documents that the reference library reads and this one does not, because a reader could not tell
/// what was meant, or because the format's description forbids them.
private let refusedHereOnly: Set = [
  "leading-space", "trailing-newline", "duplicate-tensor", "duplicate-metadata-key", "unknown-key",
  "dtype-as-object", "entry-as-array", "metadata-null", "2-to-the-63-dimension",
]

@Test func judgesAsTheReferenceLibraryDoes() throws {
  let reference = try Reference()
  #expect(reference.judged.count > 80)
  var refusedHere: Set<String> = []
  for (name, isAccepted, bytes) in reference.judged {
    let refusal = refusal(of: bytes)
    if isAccepted && refusal != nil { refusedHere.insert(name) }
    if !isAccepted { #expect(refusal != nil, "\(name) was read") }
  }
  #expect(refusedHere == refusedHereOnly)
}

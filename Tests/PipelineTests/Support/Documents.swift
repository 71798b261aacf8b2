import Foundation
import Gzip
import Safetensors
import Scratch
import Tensors
import Testing

/// Everything in a gzip stream, decompressed; plain bytes as they are.
func decompressed(_ bytes: [UInt8]) throws -> [UInt8] {
  guard bytes.starts(with: [0x1f, 0x8b]) else { return bytes }
  var rest = bytes[...]
  let reader = GzipReader(reading: { room in
    let piece = rest.prefix(room.count)
    room.copyBytes(from: piece)
    rest = rest.dropFirst(piece.count)
    return piece.count
  })
  var result: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while case let count = try piece.withUnsafeMutableBytes({ try reader.read(into: $0) }), count > 0
  {
    result += piece[..<count]
  }
  return result
}

/// Every document in the bytes of a file or pipe, end documents too.
func documents(in bytes: [UInt8]) throws -> [Document] {
  var rest = try decompressed(bytes)[...]
  var result: [Document] = []
  while let document = try Document.read(from: { room in
    let piece = rest.prefix(room.count)
    room.copyBytes(from: piece)
    rest = rest.dropFirst(piece.count)
    return piece.count
  }) {
    result.append(document)
  }
  return result
}

/// The bytes as the programs write them into a file.
func compressed(_ bytes: [UInt8], level: Int = 4) throws -> [UInt8] {
  var writer = GzipWriter(level: level)
  var result: [UInt8] = []
  try bytes.withUnsafeBytes { bytes in try writer.write([bytes]) { result += $0.joined() } }
  return result
}

/// The bytes of a document whose header is written by hand.
func rawDocument(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
  let text = Array(header.utf8)
  let length = length ?? UInt64(text.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + text
    + [UInt8](repeating: 0, count: data)
}

extension Scratch {
  /// The only document of a file.
  func document(_ name: String) throws -> Document {
    let documents = try documents(in: read(name))
    try #require(documents.count == 1, "\(name) holds \(documents.count) documents")
    return documents[0]
  }

  /// Writes a document, plain or compressed by its name.
  func write(_ name: String, _ document: Document) throws {
    let bytes = document.encoded()
    try write(name, name.hasSuffix(".gz") ? compressed(bytes) : bytes)
  }

  /// Writes a changed copy of a file's only document.
  func write(_ name: String, from original: String, _ change: (inout Document) -> Void) throws {
    var document = try document(original)
    change(&document)
    try write(name, document)
  }
}

extension Document {
  /// A dataset with the given tensors.
  static func dataset(_ tensors: [String: Tensor], _ metadata: [String: String] = [:]) -> Document {
    let own = ["nn.format": "1", "nn.kind": "dataset"]
    return Document(metadata: own.merging(metadata) { _, new in new }, tensors: tensors)
  }
}

/// A dataset of 260,000 bytes, which gzip cuts into four members.
let largeDataset: [UInt8] = {
  var state: UInt64 = 88_172_645_463_325_252
  let values = (0..<65_000).map { _ -> Float in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Float(state >> 56)
  }
  return Document.dataset(["input": Tensor(values, shape: [1000, 65])]).encoded()
}()

import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

@testable import ToolSupport

@Suite struct ShardTests {
  private let folder: Scratch

  init() throws { folder = try Scratch() }

  @Test func onlyAFileUnderANameCanBeReadAgain() throws {
    try folder.write("file", "x")
    try #require(mkfifo(folder.path("fifo"), 0o600) == 0)
    for path in [nil, "-", "/dev/stdin", "/dev/null", folder.path("fifo"), folder.url.path] {
      #expect(Shard.canBeReadOnce(path), "\(path ?? "nil")")
    }
    // What is not there is to be an error of its opening.
    for path in [folder.path("file"), folder.path("missing")] {
      #expect(!Shard.canBeReadOnce(path), "\(path)")
    }
  }

  /// Rows without targets, which no training asks for: from a file as from a pipe, which is read once.
  @Test(arguments: [false, true]) func rowsNeedNoTarget(_ isPipe: Bool) throws {
    let document = Document(
      metadata: ["nn.format": "1", "nn.kind": "dataset"],
      tensors: ["input": Tensor([1, 2, 3, 4, 5, 6] as [UInt8], shape: [3, 2])])
    let path = folder.path("shard")
    if isPipe {
      try #require(mkfifo(path, 0o600) == 0)
      // Each waits for the other at opening.
      let bytes = document.encoded()
      Thread.detachNewThread {
        let number = open(path, O_WRONLY | O_CLOEXEC)
        _ = write(number, bytes, bytes.count)
        close(number)
      }
    } else {
      try folder.write("shard", document.encoded())
    }
    let output = try DocumentOutput(folder.path("out"))
    let shard = try Shard(path, as: "the dataset", watching: output, digest: Digest())
    let rows = try shard.open(watchingChanges: !isPipe)
    #expect(Array(try rows.next().input) == [1, 2])
    try rows.skip(1)
    let last = try rows.next()
    #expect(Array(last.input) == [5, 6] && last.target == nil)
    try rows.finish()
  }

  private func openedRows(of document: Document, cutTo byteCount: Int = .max) throws -> ShardRows {
    try folder.write("shard", Array(document.encoded().prefix(byteCount)))
    let output = try DocumentOutput(folder.path("out"))
    return try Shard(folder.path("shard"), as: "the dataset", watching: output, digest: Digest())
      .open(watchingChanges: true)
  }

  /// More than is read at once.
  @Test func aRowMayBeLong() throws {
    let bytes = (0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let rows = try openedRows(
      of: Document(tensors: ["input": Tensor(bytes, shape: [2, 3_000_000])]))
    #expect(try rows.next().input.elementsEqual(bytes[..<3_000_000]))
    #expect(try rows.next().input.elementsEqual(bytes[3_000_000...]))
    try rows.finish()
  }

  /// Found where the targets are looked for, behind inputs that were only passed over.
  @Test func aFileThatEndsBeforeItsTargetsIsCut() throws {
    let document = Document(tensors: [
      "input": Tensor(zeros: [100, 1000], .i16), "target": Tensor(zeros: [100], .u8),
    ])
    let start = document.header().count
    let error = #expect(throws: (any Error).self) {
      try openedRows(of: document, cutTo: start + 150_000)
    }
    #expect(
      (error as? Located)?.cause as? SafetensorsError
        == .truncatedData(tensor: "input", found: 150_000, expected: 200_100))
  }
}

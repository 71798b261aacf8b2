import CLibrary
import Safetensors

@testable import ToolSupport

/// Any bytes as a stage's input: a document or streams, gzip-compressed or not.
///
/// Promised: a file and a pipe of the same bytes hold the same documents; what is accepted, written again as a stage
/// writes it, is accepted as the same, compressed or not; what follows a sound input makes it another one.
@Sendable func checkStream(_ bytes: UnsafeRawBufferPointer) throws {
  let fromFile = try documents(in: bytes)
  if bytes.count <= pipeCapacity {
    let fromPipe = try documentsFromPipe(bytes)
    try require(
      (fromFile.content == nil) == (fromPipe.content == nil),
      "accepted from a file or a pipe, refused from the other: \(fromFile), \(fromPipe)")
    if let file = fromFile.content, let pipe = fromPipe.content {
      try requireSame(pipe, file, "from a pipe")
    }
  }
  guard let content = fromFile.content else { return }
  for level in [0, 4] {
    let file = try TemporaryFile([])
    let output = try DocumentOutput("/dev/fd/\(file.number)", level: level)
    for document in content.documents {
      if content.isStream { try output.writeFrame(document) } else { try output.write(document) }
    }
    try output.finish(stream: content.isStream)
    let again = try documents(in: file)
    guard let again = again.content else {
      throw BrokenPromise(description: "refused what was written again: \(again)")
    }
    try requireSame(again, content, "written again")
  }
}

private struct Content {
  var documents: [Document] = []
  var isStream = false
}

private func requireSame(_ found: Content, _ expected: Content, _ how: String) throws {
  try require(
    found.isStream == expected.isStream && found.documents.count == expected.documents.count,
    "other documents \(how)")
  for (found, expected) in zip(found.documents, expected.documents) {
    // Frames carry the format's number, whether or not those that were read did.
    var expected = expected
    if found[.format] != nil { expected[.format] = found[.format] }
    try requireSameDocument(found, expected, how)
  }
}

private func documents(in bytes: UnsafeRawBufferPointer) throws -> Attempt<Content> {
  try documents(in: TemporaryFile(bytes))
}

private func documents(in file: TemporaryFile) throws -> Attempt<Content> {
  lseek(file.number, 0, SEEK_SET)
  return try documents(in: Descriptor(file.number, name: "file", owned: false))
}

private func documentsFromPipe(_ bytes: UnsafeRawBufferPointer) throws -> Attempt<Content> {
  var ends: [Int32] = [0, 0]
  try require(pipe(&ends) == 0, "no pipe")
  let written = bytes.isEmpty ? 0 : write(ends[1], bytes.baseAddress, bytes.count)
  close(ends[1])
  try require(written == bytes.count, "a pipe of \(written) bytes")
  return try documents(in: Descriptor(ends[0], name: "pipe", owned: true))
}

/// What every pipe holds without a reader: Linux gives 65,536 bytes, macOS at least 16,384.
private let pipeCapacity = 16 << 10

private func documents(in descriptor: Descriptor) throws -> Attempt<Content> {
  try attempt {
    let input = try DocumentInput(descriptor, watching: nil)
    var content = Content()
    while let document = try input.next() { content.documents.append(document) }
    content.isStream = input.isStream
    return content
  }
}

/// A file without a name, which goes with its last owner.
private final class TemporaryFile {
  let number: Int32
  private let file: UnsafeMutablePointer<FILE>

  convenience init(_ bytes: UnsafeRawBufferPointer) throws {
    try self.init([])
    let written = bytes.isEmpty ? 0 : write(number, bytes.baseAddress, bytes.count)
    try require(written == bytes.count, "a file of \(written) bytes")
  }

  init(_ nothing: [UInt8]) throws {
    guard let file = tmpfile() else { throw BrokenPromise(description: "no file") }
    self.file = file
    number = fileno(file)
  }

  deinit { fclose(file) }
}

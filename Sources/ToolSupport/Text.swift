import CLibrary
import Gzip
import Tensors

/// Text for people or for other programs, on standard output or in a file.
public final class TextOutput {
  private let file: AtomicFile?
  private let descriptor: Descriptor

  /// - Parameter path: the file; nil or `-` for standard output.
  /// - Throws: `StageError.outputNotCreated`.
  public init(_ path: String? = nil) throws {
    (file, descriptor) = try AtomicFile.orStandardOutput(path)
  }

  public func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try descriptor.write(UnsafeRawBufferPointer($0)) }
  }

  /// Gives a file its name.
  public func finish() throws { try file?.commit() }
}

/// Adds a row to a table in a file, which is begun with its header when it is new.
///
/// - Throws: `StageError.outputNotCreated`, `.writing`; `.otherColumns` when the file's header is another.
public func appendRow(_ row: String, under header: String, to path: String) throws {
  let number = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
  guard number >= 0 else {
    throw StageError.outputNotCreated(printable(path), reason: systemError())
  }
  let file = Descriptor(number, name: printable(path), owned: true)
  var text = row
  if file.nature == .regular {
    // One writer at a time from here to the file's closing, which gives the lock back.
    while flock(number, LOCK_EX) != 0 && errno == EINTR {}
    let first = try file.firstLine()
    if first.isEmpty { text = header + row }
    guard first.isEmpty || first == header else {
      throw locatedError(
        file.name, StageError.otherColumns(found: first, expected: header))
    }
    if try !first.isEmpty && !file.endsWithLineFeed() {
      throw locatedError(file.name, StageError.cutRow)
    }
  }
  // One write, so that rows of two writers never mix.
  let end = lseek(number, 0, SEEK_END)
  do {
    try text.withUTF8 { try file.write(UnsafeRawBufferPointer($0)) }
  } catch {
    // Behind a part of a row nobody could add another one.
    if file.nature == .regular { _ = ftruncate(number, end) }
    throw error
  }
}

/// A whole input of other bytes than documents: topology files, tables, IDX files, gzip-compressed or not.
public final class BytesInput {
  /// What messages call it.
  public let name: String
  private let source: ByteSource

  /// - Parameter role: what is read, as a message about two inputs from standard input names it.
  /// - Throws: `StageError.inputMissing`, `.usage`.
  public init(_ path: String?, as role: String) throws {
    let descriptor = try openDescriptor(path, as: role)
    name = descriptor.name
    source = ByteSource(descriptor, watching: nil)
  }

  /// Everything, decompressed.
  ///
  /// - Throws: `StageError`, `GzipError`.
  public func bytes() throws -> [UInt8] { try bytes(limit: try documentLimit()) }

  private func bytes(limit: Int) throws -> [UInt8] {
    source.beginDocument(limit: limit)
    var result = [UInt8]()
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = try locating(name) {
        try piece.withUnsafeMutableBytes { try source.read(into: $0) }
      }
      if count == 0 { return result }
      result += piece[..<count]
    }
  }

  /// Everything as text.
  ///
  /// - Parameter limit: the most bytes that it may have; none behind them is read.
  /// - Throws: as `bytes`; `StageError.longText`, `.notText`.
  public func text(limit: Int) throws -> String {
    let bytes: [UInt8]
    do {
      bytes = try self.bytes(limit: min(limit, documentLimit()))
    } catch let error as Located where error.cause as? StageError == .tooLarge(limit: limit) {
      throw locatedError(name, StageError.longText(limit: limit))
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw locatedError(name, StageError.notText)
    }
    return text
  }
}

extension Descriptor {
  fileprivate func endsWithLineFeed() throws -> Bool {
    let end = lseek(number, 0, SEEK_END)
    return try end > 0 && bytes(at: end - 1, count: 1) == [UInt8(ascii: "\n")]
  }

  /// The first line with its line feed, at most 4 KiB; empty when there is none.
  fileprivate func firstLine() throws -> String {
    let buffer = try bytes(at: 0, count: 4096)
    let end = buffer.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? buffer.count
    return String(decoding: buffer[..<end], as: UTF8.self)
  }

  /// So many bytes of a regular file; fewer only at its end.
  private func bytes(at offset: off_t, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var taken = 0
    while taken < count {
      let more = bytes.withUnsafeMutableBytes {
        pread(number, $0.baseAddress.map { $0 + taken }, count - taken, offset + off_t(taken))
      }
      if more == 0 { break }
      if more > 0 {
        taken += more
      } else if errno != EINTR && errno != EAGAIN {
        throw StageError.reading(name, reason: systemError())
      }
    }
    return Array(bytes[..<taken])
  }
}

import Foundation
import Scratch
import Testing

@testable import ToolSupport

@Suite struct DescriptorTests {
  /// More buffers than one call of the system takes, and more bytes than the pipe holds.
  @Test func everyByteOfManyBuffersIsWritten() throws {
    let pipe = Pipe()
    let writing = Descriptor(
      pipe.fileHandleForWriting.fileDescriptor, name: "<pipe>", owned: false)
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let reading = pipe.fileHandleForReading
    let group = DispatchGroup()
    nonisolated(unsafe) var received = Data()
    DispatchQueue.global().async(group: group) { received = reading.readDataToEndOfFile() }
    try bytes.withUnsafeBytes { bytes in
      var buffers: [UnsafeRawBufferPointer] = []
      for start in stride(from: 0, to: bytes.count, by: 1501) {
        buffers.append(
          UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 1501, bytes.count)]))
        if start % 7 == 0 { buffers.append(UnsafeRawBufferPointer(start: nil, count: 0)) }
      }
      #expect(buffers.count > 1024)
      try writing.write(buffers)
    }
    try pipe.fileHandleForWriting.close()
    group.wait()
    #expect(Array(received) == bytes)
  }

  @Test func whatDoesNotFitInTheFirstBufferGoesToTheSecond() throws {
    let pipe = Pipe()
    pipe.fileHandleForWriting.write(Data([1, 2, 3, 4, 5]))
    let reading = Descriptor(pipe.fileHandleForReading.fileDescriptor, name: "<pipe>", owned: false)
    var (first, second) = ([UInt8](repeating: 0, count: 3), [UInt8](repeating: 0, count: 8))
    let count = try first.withUnsafeMutableBytes { first in
      try second.withUnsafeMutableBytes { try reading.read(into: first, $0, watching: nil) }
    }
    #expect(count == 5)
    #expect(first == [1, 2, 3] && second == [4, 5, 0, 0, 0, 0, 0, 0])
  }

  @Test func whoWritesToNobodyIsTold() throws {
    let (reading, writing) = try pipeEnds()
    try writing.checkReader()
    reading.shut()
    #expect(throws: StageError.readerGone) { try writing.checkReader() }
    #expect(throws: StageError.readerGone) {
      try [UInt8(1)].withUnsafeBytes { try writing.write($0) }
    }
  }

  @Test func whatIsNotOpenIsAnErrorOfItsUse() throws {
    let closed = Descriptor(1_000_000_000, name: "c", owned: false)
    var byte: UInt8 = 0
    #expect(throws: StageError.reading("c", reason: "bad file descriptor")) {
      try withUnsafeMutableBytes(of: &byte) { try closed.read(into: $0, watching: nil) }
    }
    #expect(throws: StageError.writing("c", reason: "bad file descriptor")) {
      try [UInt8(1)].withUnsafeBytes { try closed.write($0) }
    }
  }

  @Test func aFileNeedsNoReader() throws {
    let file = try Descriptor.reading("/dev/null")
    file.probe = [7]
    try file.checkReader()
  }

  @Test func aProbeIsWrittenOnlyWhereThereIsRoom() throws {
    let (reading, writing) = try pipeEnds()
    writing.probe = [7]
    try writing.checkReader()
    for end in [reading, writing] { #expect(fcntl(end.number, F_SETFL, O_NONBLOCK) == 0) }
    var found: UInt8 = 0
    #expect(read(reading.number, &found, 1) == 1 && found == 7)
    var filled = 0
    let piece = [UInt8](repeating: 1, count: 4096)
    while case let count = write(writing.number, piece, piece.count), count > 0 { filled += count }
    // It would wait for ever, were the pipe as other stages have it.
    #expect(fcntl(writing.number, F_SETFL, 0) == 0)
    // For so long that another probe is due.
    let due = monotonicSeconds() + 0.3
    while monotonicSeconds() < due {
      try writing.checkReader()
      usleep(10_000)
    }
    writing.shut()
    #expect(try reading.bytes(filled + 1) == [UInt8](repeating: 1, count: filled))
  }

  /// As when another program has made the pipe, which it shares with us, one that nobody waits for.
  @Test func aPipeThatDoesNotWaitIsWaitedFor() throws {
    let (reading, writing) = try pipeEnds()
    #expect(fcntl(writing.number, F_SETFL, O_NONBLOCK) == 0)
    #expect(fcntl(reading.number, F_SETFL, O_NONBLOCK) == 0)
    let sent = (0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    let group = DispatchGroup()
    nonisolated(unsafe) let writer = writing
    nonisolated(unsafe) var failure: (any Error)?
    DispatchQueue.global().async(group: group) {
      do { try sent.withUnsafeBytes { try writer.write($0) } } catch { failure = error }
      // Should it have failed, nobody is to wait for the rest.
      writer.shut()
    }
    #expect(try reading.bytes(sent.count) == sent)
    group.wait()
    #expect(failure == nil)
  }

  @Test func whatCannotBeReadOrWrittenNamesFileAndReason() throws {
    let folder = try Scratch()
    try folder.write("d", [1])
    let writing = Descriptor(open(folder.path("d"), O_WRONLY | O_CLOEXEC), name: "w", owned: true)
    var byte: UInt8 = 0
    #expect(throws: StageError.reading("w", reason: "bad file descriptor")) {
      try withUnsafeMutableBytes(of: &byte) { try writing.read(into: $0, watching: nil) }
    }
    let reading = Descriptor(open(folder.path("d"), O_RDONLY | O_CLOEXEC), name: "r", owned: true)
    #expect(throws: StageError.writing("r", reason: "bad file descriptor")) {
      try [UInt8(1)].withUnsafeBytes { try reading.write($0) }
    }
    #expect(throws: StageError.reading("<in>", reason: "illegal seek")) {
      try pipeEnds().reading.skip(1)
    }
  }
}

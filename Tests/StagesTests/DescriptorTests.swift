import Foundation
import Testing

@testable import Stages

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
}

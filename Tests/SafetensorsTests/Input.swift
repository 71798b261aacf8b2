import Safetensors
import Tensors

/// Bytes that a document is read from, and how they were asked for.
final class Input {
  private let bytes: [UInt8]
  private let stride: Int
  private(set) var position = 0
  private(set) var largestRoom = 0

  /// - Parameter stride: The most bytes handed over at once.
  init(_ bytes: [UInt8], stride: Int = .max) {
    self.bytes = bytes
    self.stride = stride
  }

  func read(into room: UnsafeMutableRawBufferPointer) -> Int {
    largestRoom = max(largestRoom, room.count)
    let count = min(room.count, stride, bytes.count - position)
    room.copyBytes(from: bytes[position..<position + count])
    position += count
    return count
  }
}

func read(_ bytes: [UInt8], stride: Int = .max) throws -> Document? {
  let input = Input(bytes, stride: stride)
  return try Document.read { input.read(into: $0) }
}

/// The message with which a document is refused; nil when it is read.
func refusal(of bytes: [UInt8]) -> String? {
  do {
    _ = try read(bytes)
    return nil
  } catch {
    return "\(error)"
  }
}

/// A document's bytes with this text as its header.
func bytes(header: String, data: [UInt8] = []) -> [UInt8] {
  bytes(header: Array(header.utf8), data: data)
}

func bytes(header: [UInt8], data: [UInt8] = []) -> [UInt8] {
  lengthBytes(UInt64(header.count)) + header + data
}

func lengthBytes(_ length: UInt64) -> [UInt8] {
  (0..<8).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
}

/// A small document with everything that a header can hold.
let sample = Document(
  metadata: ["nn.kind": "batch", "note": "a\"b\n"],
  tensors: [
    "input": Tensor([1, -2, 0.5, 3, 4, 5] as [Float], shape: [2, 3]),
    "target": Tensor([7, 9] as [Int64]),
    "mask": Tensor([1, 0, 1] as [UInt8]),
    "none": Tensor(zeros: [0, 4], .f32),
    "scalar": Tensor([2.5] as [Double], shape: []),
  ])

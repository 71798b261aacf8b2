import CXXHash
import Safetensors
import Tensors

/// The XXH3-128 hash of some bytes, as a key that equal bytes share.
///
/// It tells honest data apart, and proves nothing against somebody who wants two rows to collide.
/// Source: Y. Collet, xxHash 0.8.
struct RowHash: Hashable {
  private let low, high: UInt64

  init(_ bytes: UnsafeRawBufferPointer) {
    let hash = XXH3_128bits(bytes.baseAddress, bytes.count)
    (low, high) = (hash.low64, hash.high64)
  }

  var hex: String { hexadecimal(high, low) }

  /// Of every example, by its numbers: 0 and −0 are the same.
  ///
  /// - Parameter examples: [N, …], F32 or F64.
  static func ofRows(_ examples: Tensor) -> [RowHash] {
    let rows = examples.shape[0]
    func hashes<F: BinaryFloatingPoint & TensorElement>(_ type: F.Type) -> [RowHash] {
      let width = examples.shape.perExample.count
      let values = examples.values(of: type).map { $0 + 0 }
      return values.withUnsafeBytes { bytes in
        let size = width * MemoryLayout<F>.stride
        return (0..<rows).map {
          RowHash(UnsafeRawBufferPointer(rebasing: bytes[$0 * size..<($0 + 1) * size]))
        }
      }
    }
    return examples.dtype == .f64 ? hashes(Double.self) : hashes(Float.self)
  }
}

/// A name for what a dataset teaches: its inputs, its targets and the names of its classes, whatever else the document
/// holds and however the file is compressed.
///
/// - Returns: 32 hex digits.
public func contentHash(of dataset: Document) -> String {
  var bytes = [UInt8]()
  for name in [Role.input, Role.target] {
    guard let tensor = dataset.tensors[name] else { continue }
    bytes += Array("\(name) \(tensor.dtype.rawValue) \(tensor.shape)\n".utf8)
    bytes += tensor.withUnsafeBytes { Array(RowHash($0).hex.utf8) }
  }
  bytes += Array("\(dataset[.classes] ?? "")\n".utf8)
  return bytes.withUnsafeBytes { RowHash($0).hex }
}

import CLibrary

extension UnsafeRawBufferPointer {
  /// Whether `expected` stands at `offset`.
  func holds(_ expected: [UInt8], at offset: Int) -> Bool {
    guard count - offset >= expected.count else { return false }
    return expected.withUnsafeBytes {
      UnsafeRawBufferPointer(rebasing: self[offset..<offset + expected.count]).isSame(as: $0)
    }
  }

  fileprivate func isSame(as other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count, let a = baseAddress, let b = other.baseAddress
    else { return isEmpty && other.isEmpty }
    return memcmp(a, b, count) == 0
  }
}

extension String {
  /// Whether the UTF-8 bytes are the same; to `==`, texts that differ only in how their letters are
  /// composed are equal.
  func hasBytes(of other: String) -> Bool {
    let answer = utf8.withContiguousStorageIfAvailable { own in
      other.utf8.withContiguousStorageIfAvailable {
        UnsafeRawBufferPointer(own).isSame(as: UnsafeRawBufferPointer($0))
      }
    }
    if let answer, let answer { return answer }
    return utf8.elementsEqual(other.utf8)
  }
}

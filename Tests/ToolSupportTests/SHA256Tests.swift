import Testing

@testable import ToolSupport

/// FIPS 180-4's examples, and lengths around a block's as `sha256sum` (coreutils 9.1) hashes them.
@Suite struct SHA256Tests {
  private func hash(_ bytes: [UInt8], piece: Int) -> String {
    var hash = SHA256()
    for start in stride(from: 0, to: bytes.count, by: piece) {
      bytes[start..<min(start + piece, bytes.count)].withUnsafeBytes { hash.update($0) }
    }
    return hash.hex
  }

  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
  ])
  func hashesTheStandardsExamples(_ text: String, _ expected: String) {
    #expect(hash(Array(text.utf8), piece: 7) == expected)
  }

  @Test func aMillionTimesTheSameByteInAnyPieces() {
    let bytes = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    #expect(hash(bytes, piece: 1_000_000) == expected)
    #expect(hash(bytes, piece: 99_991) == expected)
  }

  @Test(arguments: [
    (55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"),
    (56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"),
    (57, "2fe741af801cc238602ac0ec6a7b0c3a8a87c7fc7d7f02a3fe03d1c12eac4d8f"),
    (63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"),
    (64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"),
    (65, "4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781"),
    (119, "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"),
    (120, "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"),
    (128, "471fb943aa23c511f6f72f8d1652d9c880cfa392ad80503120547703e56a2be5"),
  ])
  func hashesLengthsAroundABlock(_ length: Int, _ expected: String) {
    let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
    #expect(hash(bytes, piece: 64) == expected)
    #expect(hash(bytes, piece: 63) == expected)
  }
}

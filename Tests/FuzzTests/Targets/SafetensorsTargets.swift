import Safetensors

// The reader promises that what it accepts, written again, reads back as the same and is then written as the same bytes;
// that pieces make no difference; and that a header which is compared with the one before it means what it would mean alone.

/// Any bytes: documents one after the other.
@Sendable func checkSafetensors(_ bytes: UnsafeRawBufferPointer) throws {
  var whole = Bytes(bytes, piece: .max)
  var pieces = Bytes(bytes, piece: 1 + Int(bytes.last ?? 0) % 5)
  var reader = DocumentReader()
  while true {
    let position = whole.position
    let found = try attempt { try reader.read(from: { whole.give($0) }) }
    var again = Bytes(bytes, piece: .max)
    again.position = position
    let alone = try attempt { try Document.read(from: { again.give($0) }) }
    try requireSame(found, alone, "behind other documents")
    let slow = try attempt { try Document.read(from: { pieces.give($0) }) }
    try requireSame(found, slow, "in pieces")
    guard case .accepted(let document?) = found else { return }
    try require(whole.position == again.position, "a document of two lengths")
    try checkRewriting(document)
  }
}

/// The text of a header; its length stands before it, and behind it as many zeros as it asks for, up to a limit.
@Sendable func checkHeader(_ bytes: UnsafeRawBufferPointer) throws {
  var file = withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { Array($0) }
  file += bytes
  var position = 0
  let found = try attempt {
    try Document.read { room in
      let part = file[min(position, file.count)...].prefix(room.count)
      if !part.isEmpty {
        room.copyBytes(from: part)
        position += part.count
        return part.count
      }
      let count = min(room.count, max(0, file.count + 1 << 16 - position))
      UnsafeMutableRawBufferPointer(rebasing: room[..<count]).initializeMemory(
        as: UInt8.self, repeating: 0)
      position += count
      return count
    }
  }
  if case .accepted(let document?) = found { try checkRewriting(document) }
}

private func checkRewriting(_ document: Document) throws {
  let written = document.encoded()
  let back = try written.withUnsafeBytes { written in
    var source = Bytes(written, piece: .max)
    return try Document.read(from: { source.give($0) })
  }
  guard let back else { throw BrokenPromise(description: "nothing was written") }
  try requireSameDocument(back, document, "written again")
  try require(back.encoded() == written, "written twice as different bytes")
}

/// Equal to the byte: for `==` texts are equal whose letters are composed in different ways.
func requireSameDocument(_ found: Document, _ expected: Document, _ how: String) throws {
  func sorted(_ document: Document) -> [[[UInt8]]] {
    document.metadata.map { [Array($0.key.utf8), Array($0.value.utf8)] }
      .sorted { $0[0].lexicographicallyPrecedes($1[0]) }
  }
  func names(_ document: Document) -> [[UInt8]] {
    document.tensors.keys.map { Array($0.utf8) }.sorted { $0.lexicographicallyPrecedes($1) }
  }
  try require(
    found == expected && sorted(found) == sorted(expected) && names(found) == names(expected),
    "another document \(how)")
}

private func requireSame(
  _ found: Attempt<Document?>, _ expected: Attempt<Document?>, _ how: String
) throws {
  switch (found, expected) {
  case (.accepted(nil), .accepted(nil)): return
  case (.accepted(let found?), .accepted(let expected?)):
    try requireSameDocument(found, expected, how)
  case (.refused(let found), .refused(let expected)):
    try require(found == expected, "\(how): refused by '\(found)' and '\(expected)'")
  default: throw BrokenPromise(description: "\(how): \(found) and \(expected)")
  }
}

/// A source of bytes in pieces.
private struct Bytes {
  let bytes: UnsafeRawBufferPointer
  let piece: Int
  var position = 0

  init(_ bytes: UnsafeRawBufferPointer, piece: Int) { (self.bytes, self.piece) = (bytes, piece) }

  mutating func give(_ room: UnsafeMutableRawBufferPointer) -> Int {
    let given = UnsafeRawBufferPointer(
      rebasing: bytes[position...].prefix(min(piece, room.count)))
    room.copyMemory(from: given)
    position += given.count
    return given.count
  }
}

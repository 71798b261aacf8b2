/// The bytes of several buffers one after the other, taken piece by piece.
struct Pieces {
  private let parts: [UnsafeRawBufferPointer]
  private var part = 0
  private var position = 0

  /// How many bytes have not been taken.
  private(set) var remaining: Int

  init(_ parts: [UnsafeRawBufferPointer]) {
    self.parts = parts
    remaining = parts.reduce(0) { $0 + $1.count }
  }

  /// Takes the next `count` bytes, handing them to `body` in as many pieces as they lie in.
  mutating func take(_ count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    precondition(count <= remaining, "\(count) bytes taken of \(remaining)")
    var left = count
    while left > 0 {
      let rest = UnsafeRawBufferPointer(rebasing: parts[part][position...])
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(left))
      if piece.count == rest.count {
        part += 1
        position = 0
      } else {
        position += piece.count
      }
      left -= piece.count
      remaining -= piece.count
      if !piece.isEmpty { try body(piece) }
    }
  }
}

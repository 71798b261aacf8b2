import Tensors

/// Pictures of one size, one after the other.
public struct PictureStack {
  private let limit: Int
  private var shape: Shape?
  private var dtype = DType.u8
  private var bytes: [UInt8] = []

  /// How many there are.
  public private(set) var count = 0

  /// - Parameter limit: the most bytes that they may have together.
  public init(limit: Int) { self.limit = limit }

  /// Adds the picture, or the pictures, that are in a file.
  ///
  /// - Throws: `FormatError`; `.otherPicture` when one has another size, or other samples, than the first.
  public mutating func append(contentsOf file: UnsafeRawBufferPointer) throws {
    if PNG.looksLikePNG(file) {
      try append(PNG.picture(from: file, limit: limit))
    } else {
      try Netpbm.forEachPicture(in: file) { try append($0) }
    }
  }

  /// Whether the bytes begin as a picture does that `append` reads.
  public static func looksLikePicture(_ bytes: UnsafeRawBufferPointer) -> Bool {
    PNG.looksLikePNG(bytes) || Netpbm.looksLikeNetpbm(bytes)
  }

  private mutating func append(_ picture: Tensor) throws {
    if let shape, (shape, dtype) != (picture.shape, picture.dtype) {
      throw FormatError.otherPicture(
        number: count + 1, found: picture.shape, picture.dtype, expected: shape, dtype)
    }
    (shape, dtype) = (picture.shape, picture.dtype)
    try picture.withUnsafeBytes { picture in
      guard picture.count <= limit - bytes.count else {
        throw FormatError.picturesTooLarge(limit: limit)
      }
      bytes.append(contentsOf: picture)
    }
    count += 1
  }

  /// All of them, [N, C, H, W].
  ///
  /// - Throws: `FormatError.noPicture`.
  public func tensor() throws -> Tensor {
    guard let shape else { throw FormatError.noPicture }
    var tensor = Tensor(uninitialized: shape.batched(count), dtype)
    tensor.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
    return tensor
  }
}

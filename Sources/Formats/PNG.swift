import CPNG
import Tensors

/// Pictures in PNG, read by libpng.
public enum PNG {
  private static let magic: [UInt8] = [0x89, 0x50, 0x4E, 0x47]

  /// Whether the bytes begin as a PNG file does and a text never.
  public static func looksLikePNG(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.starts(with: magic)
  }

  /// The picture, [1, H, W] if it is gray and [3, H, W] if it is colored, U8, as sRGB has it.
  ///
  /// Pictures whose samples have 16 bits are refused, as they would lose half of them, and so are transparent ones: what is
  /// behind them nobody says.
  ///
  /// - Parameter limit: the most bytes that it may have.
  /// - Throws: `FormatError`.
  public static func picture(from bytes: UnsafeRawBufferPointer, limit: Int) throws -> Tensor {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else {
      throw FormatError.png(message(of: image))
    }
    defer { png_image_free(&image) }
    func has(_ flag: UInt32) -> Bool { image.format & flag != 0 }
    if has(PNG_FORMAT_FLAG_LINEAR) { throw FormatError.deepPNG }
    let (isColored, hasAlpha) = (has(PNG_FORMAT_FLAG_COLOR), has(PNG_FORMAT_FLAG_ALPHA))
    image.format =
      (isColored ? PNG_FORMAT_FLAG_COLOR : 0) | (hasAlpha ? PNG_FORMAT_FLAG_ALPHA : 0)
    let (height, width, colors) = (Int(image.height), Int(image.width), isColored ? 3 : 1)
    let samples = colors + (hasAlpha ? 1 : 0)
    guard let size = Shape(checking: [height, width, samples])?.count, size <= limit else {
      throw FormatError.picturesTooLarge(limit: limit)
    }
    // Not zeros: of memory that is not written to there is none, however large a picture a short file promises.
    var isWhole = false
    let pixels = [UInt8](unsafeUninitializedCapacity: size) { pixels, count in
      isWhole = png_image_finish_read(&image, nil, pixels.baseAddress, 0, nil) != 0
      count = isWhole ? size : 0
    }
    if !isWhole { throw FormatError.png(message(of: image)) }
    let plane = height * width
    if hasAlpha, let pixel = (0..<plane).first(where: { pixels[($0 + 1) * samples - 1] < 255 }) {
      throw FormatError.transparentPNG(row: pixel / width, column: pixel % width)
    }
    var tensor = Tensor(uninitialized: [colors, height, width], .u8)
    tensor.withUnsafeMutableBytes { target in
      for color in 0..<colors {
        for pixel in 0..<plane { target[color * plane + pixel] = pixels[pixel * samples + color] }
      }
    }
    return tensor
  }

  private static func message(of image: png_image) -> String {
    withUnsafeBytes(of: image.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }
}

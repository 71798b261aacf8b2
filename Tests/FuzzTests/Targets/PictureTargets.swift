import CPNG
import CZlib
import Formats
import Tensors

/// Any bytes as pictures of netpbm's. Promised: what is accepted, written as raw pictures, reads back as the same.
@Sendable func checkNetpbm(_ bytes: UnsafeRawBufferPointer) throws {
  let found = try attempt { try netpbmPictures(in: bytes) }
  guard let pictures = found.content else { return }
  let file = pictures.flatMap { picture -> [UInt8] in
    let (channels, height, width) = (picture.shape[0], picture.shape[1], picture.shape[2])
    let isWide = picture.dtype == .u16
    var file = Array(
      "\(channels == 3 ? "P6" : "P5")\n\(width) \(height)\n\(isWide ? 65535 : 255)\n".utf8)
    picture.withUnsafeBytes { samples in
      for pixel in 0..<height * width {
        for channel in 0..<channels {
          let sample = channel * height * width + pixel
          file += isWide ? [samples[2 * sample + 1], samples[2 * sample]] : [samples[sample]]
        }
      }
    }
    return file
  }
  let back = try file.withUnsafeBytes { try netpbmPictures(in: $0) }
  try require(back == pictures, "other pictures from their own file")
}

private func netpbmPictures(in bytes: UnsafeRawBufferPointer) throws -> [Tensor] {
  var pictures: [Tensor] = []
  try Netpbm.forEachPicture(in: bytes) { pictures.append($0) }
  return pictures
}

/// Any bytes as a PNG file, as they are and with the checksums of its chunks put right, which chance does not find. Promised:
/// what is accepted, written by libpng, reads back as the same.
@Sendable func checkPNG(_ bytes: UnsafeRawBufferPointer) throws {
  try checkOnePNG(bytes)
  try withChecksums(bytes).withUnsafeBytes { try checkOnePNG($0) }
}

/// The file with the right checksum behind every chunk.
private func withChecksums(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
  var file = Array(bytes)
  var start = 8
  while start + 12 <= file.count {
    let length = file[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    let end = start + 8 + length
    if end + 4 > file.count { break }
    let checksum = file[start + 4..<end].withUnsafeBytes {
      crc32(0, $0.bindMemory(to: UInt8.self).baseAddress, uInt($0.count))
    }
    withUnsafeBytes(of: UInt32(checksum).bigEndian) {
      file.replaceSubrange(end..<end + 4, with: $0)
    }
    start = end + 4
  }
  return file
}

private func checkOnePNG(_ bytes: UnsafeRawBufferPointer) throws {
  let limit = 1 << 24
  let found = try attempt { try PNG.picture(from: bytes, limit: limit) }
  guard let picture = found.content else { return }
  try require(picture.shape.count <= limit, "a picture above the limit")
  let file = written(picture)
  let back = try file.withUnsafeBytes { try PNG.picture(from: $0, limit: limit) }
  try require(back == picture, "another picture from its own file")
}

/// A picture as libpng writes it.
private func written(_ picture: Tensor) -> [UInt8] {
  let (channels, height, width) = (picture.shape[0], picture.shape[1], picture.shape[2])
  let planes = picture.values(of: UInt8.self)
  let pixels = (0..<height * width).flatMap { pixel in
    (0..<channels).map { planes[$0 * height * width + pixel] }
  }
  var image = png_image()
  image.version = png_uint_32(PNG_IMAGE_VERSION)
  (image.width, image.height) = (png_uint_32(width), png_uint_32(height))
  image.format = channels == 3 ? PNG_FORMAT_FLAG_COLOR : 0
  var size = png_alloc_size_t(2 * pixels.count + 4096 + height)
  var file = [UInt8](repeating: 0, count: size)
  guard png_image_write_to_memory(&image, &file, &size, 0, pixels, 0, nil) != 0 else {
    preconditionFailure("libpng writes no picture of \(picture.shape)")
  }
  return Array(file[..<size])
}

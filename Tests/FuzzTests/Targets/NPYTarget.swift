import Formats
import Tensors

/// Any bytes as an NPY file. Promised: what is accepted, written as the plainest NPY file there is, reads back as the same.
@Sendable func checkNPY(_ bytes: UnsafeRawBufferPointer) throws {
  let found = try attempt { try NPY.tensor(from: bytes) }
  guard let tensor = found.content else { return }
  guard let type = names[tensor.dtype] else {
    throw BrokenPromise(description: "an array of \(tensor.dtype)")
  }
  let dimensions = tensor.shape.dimensions.map { "\($0)," }.joined()
  let text = "{'descr':'<\(type)','fortran_order':False,'shape':(\(dimensions)),}"
  var file: [UInt8] = [0x93] + Array("NUMPY".utf8) + [2, 0]
  withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { file += $0 }
  file += text.utf8
  tensor.withUnsafeBytes { file += $0 }
  let back = try file.withUnsafeBytes { try NPY.tensor(from: $0) }
  try require(back == tensor, "another array from its own file")
}

private let names: [DType: String] = [
  .bool: "b1", .u8: "u1", .i8: "i1", .u16: "u2", .i16: "i2", .f16: "f2", .u32: "u4", .i32: "i4",
  .f32: "f4", .u64: "u8", .i64: "i8", .f64: "f8", .c64: "c8",
]

/// An NPY file, of version 2 where the header is too long for version 1.
func npy(
  _ type: String, _ shape: String, isFortran: Bool = false, _ data: [UInt8]
) -> [UInt8] {
  let order = isFortran ? "True" : "False"
  let text = "{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }"
  let length = withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { Array($0) }
  let isShort = text.utf8.count <= UInt16.max
  return [0x93] + Array("NUMPY".utf8) + [isShort ? 1 : 2, 0] + length[..<(isShort ? 2 : 4)]
    + text.utf8 + data
}

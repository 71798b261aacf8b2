/// Turns big-endian numbers of `width` bytes each, which is 1, 2, 4 or 8, into little-endian ones in their place.
func makeLittleEndian(_ bytes: UnsafeMutableRawBufferPointer, width: Int) {
  func convert<I: FixedWidthInteger & BitwiseCopyable>(_ type: I.Type) {
    let elements = bytes.assumingMemoryBound(to: type)
    for index in elements.indices { elements[index] = I(bigEndian: elements[index]).littleEndian }
  }
  switch width {
  case 2: convert(UInt16.self)
  case 4: convert(UInt32.self)
  case 8: convert(UInt64.self)
  default: break
  }
}

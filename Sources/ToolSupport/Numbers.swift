import CLibrary

/// A number rounded to so many significant digits, as C's `%g` prints it.
public func rounded(_ value: Double, digits: Int) -> String {
  // C tells NaNs apart by their sign, which means nothing.
  if value.isNaN { return "nan" }
  var buffer = [CChar](repeating: 0, count: 64)
  let count = withVaList([Int32(digits), value]) { vsnprintf(&buffer, buffer.count, "%.*g", $0) }
  return String(decoding: buffer.prefix(Int(count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

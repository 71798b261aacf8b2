/// Reading elements of any type as floating-point numbers.
extension Tensor {
  /// Every element as a Double; C64 gives real and imaginary parts in turn.
  public func doubles() -> [Double] { converted(to: Double.self) }

  /// The tensor in another real type: F32 or F64, rounded to nearest; itself when it is that already.
  public func converted(to dtype: DType) -> Tensor {
    if dtype == self.dtype { return self }
    precondition(self.dtype != .c64, "complex numbers converted to \(dtype.rawValue)")
    switch dtype {
    case .f32 where self.dtype == .u8: return bytesAsFloats()
    case .f32: return Tensor(converted(to: Float.self), shape: shape)
    case .f64: return Tensor(converted(to: Double.self), shape: shape)
    default: preconditionFailure("conversion to \(dtype.rawValue)")
    }
  }

  /// What most pictures need, in one pass.
  private func bytesAsFloats() -> Tensor {
    var result = Tensor(uninitialized: shape, .f32)
    result.withMutableValues(of: Float.self) { floats in
      withValues(of: UInt8.self) { bytes in
        for index in 0..<bytes.count { floats[index] = Float(bytes[index]) }
      }
    }
    return result
  }

  /// The first element (its row-major position) that is NaN or infinite; nil when all are finite.
  public func firstNonFinite() -> Int? {
    func search<B: FixedWidthInteger & UnsignedInteger & TensorElement>(infinity: B) -> Int? {
      withUnsafeBytes { bytes in
        let patterns = bytes.assumingMemoryBound(to: B.self)
        if haveNoInfinity(patterns, infinity: infinity) { return nil }
        return patterns.firstIndex { $0 & (B.max >> 1) >= infinity }
      }
    }
    switch dtype {
    case .f32: return search(infinity: Float.infinity.bitPattern)
    case .f64: return search(infinity: Double.infinity.bitPattern)
    case .c64: return doubles().firstIndex { !$0.isFinite }.map { $0 / 2 }
    default: return dtype.isInteger || dtype == .bool ? nil : doubles().firstIndex { !$0.isFinite }
    }
  }

  /// Whether all elements of a part of an F32 or F64 tensor are finite numbers.
  public static func areFinite(_ bytes: UnsafeRawBufferPointer, _ dtype: DType) -> Bool {
    switch dtype {
    case .f32:
      haveNoInfinity(
        bytes.assumingMemoryBound(to: UInt32.self), infinity: Float.infinity.bitPattern)
    case .f64:
      haveNoInfinity(
        bytes.assumingMemoryBound(to: UInt64.self), infinity: Double.infinity.bitPattern)
    default: preconditionFailure("arithmetic in \(dtype.rawValue)")
    }
  }

  /// Where a row-major position lies: its index along each axis.
  public func position(of element: Int) -> [Int] {
    var rest = element
    return shape.dimensions.reversed().map { dimension in
      defer { rest /= dimension }
      return rest % dimension
    }.reversed()
  }

  private func converted<F: BinaryFloatingPoint & TensorElement>(to type: F.Type) -> [F] {
    func numbers<E: BinaryFloatingPoint & TensorElement>(_ type: E.Type) -> [F] {
      withValues(of: type) { $0.map { F($0) } }
    }
    func integers<E: BinaryInteger & TensorElement>(_ type: E.Type) -> [F] {
      withValues(of: type) { $0.map { F($0) } }
    }
    switch dtype {
    case .f32: return numbers(Float.self)
    case .f64: return numbers(Double.self)
    case .u8: return integers(UInt8.self)
    case .i8: return integers(Int8.self)
    case .u16: return integers(UInt16.self)
    case .i16: return integers(Int16.self)
    case .u32: return integers(UInt32.self)
    case .i32: return integers(Int32.self)
    case .u64: return integers(UInt64.self)
    case .i64: return integers(Int64.self)
    case .bool: return withUnsafeBytes { $0.map { $0 == 0 ? 0 : 1 } }
    case .c64:
      return withUnsafeBytes { $0.assumingMemoryBound(to: Float.self).map { F($0) } }
    case .f4, .f6e2m3, .f6e3m2, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz, .f16, .bf16:
      let format = SmallFloat(dtype)!
      return withUnsafeBytes { bytes in
        (0..<shape.count).map { F(format.value(of: bits(at: $0, of: bytes))) }
      }
    }
  }

  /// The bits of element `index`; elements narrower than a byte are packed from the lowest bit up.
  private func bits(at index: Int, of bytes: UnsafeRawBufferPointer) -> UInt32 {
    let start = index * dtype.bitWidth
    var result: UInt32 = 0
    for bit in 0..<dtype.bitWidth {
      let byte = bytes[(start + bit) / 8]
      result |= UInt32(byte >> UInt8((start + bit) % 8) & 1) << UInt32(bit)
    }
    return result
  }
}

/// Whether bit patterns are those of finite numbers: without its sign, one that is not has all bits of the exponent, and a
/// 1 added to the lowest of them carries into the sign. Integers, which are treated in whole vectors, where a sum of floats
/// would wait for every addition.
private func haveNoInfinity<B: FixedWidthInteger & UnsignedInteger>(
  _ patterns: UnsafeBufferPointer<B>, infinity: B
) -> Bool {
  let magnitude = B.max >> 1
  let one = magnitude - infinity + 1
  var carried: B = 0
  for pattern in patterns { carried |= (pattern & magnitude) &+ one }
  return carried & ~magnitude == 0
}

/// A floating-point format of at most 16 bits, as sign, exponent and fraction.
///
/// Sources: IEEE 754-2019 (F16); Open Compute Project, 8-bit Floating Point Specification 1.0 (E4M3,
/// E5M2) and Microscaling Formats 1.0 (E8M0, F6, F4); Noune et al. 2022 (FNUZ).
struct SmallFloat {
  /// Which bit patterns are not finite numbers.
  enum Special { case ieee, nanAtAllOnes, nanAtNegativeZero, none }

  let exponentBits: Int
  let fractionBits: Int
  let bias: Int
  let special: Special
  var isSigned = true

  init?(_ dtype: DType) {
    switch dtype {
    case .f16: self.init(5, 10, bias: 15, .ieee)
    case .bf16: self.init(8, 7, bias: 127, .ieee)
    case .f8e5m2: self.init(5, 2, bias: 15, .ieee)
    case .f8e4m3: self.init(4, 3, bias: 7, .nanAtAllOnes)
    case .f8e5m2fnuz: self.init(5, 2, bias: 16, .nanAtNegativeZero)
    case .f8e4m3fnuz: self.init(4, 3, bias: 8, .nanAtNegativeZero)
    case .f6e3m2: self.init(3, 2, bias: 3, .none)
    case .f6e2m3: self.init(2, 3, bias: 1, .none)
    case .f4: self.init(2, 1, bias: 1, .none)
    case .f8e8m0:
      self.init(8, 0, bias: 127, .nanAtAllOnes)
      isSigned = false
    default: return nil
    }
  }

  private init(_ exponentBits: Int, _ fractionBits: Int, bias: Int, _ special: Special) {
    self.exponentBits = exponentBits
    self.fractionBits = fractionBits
    self.bias = bias
    self.special = special
  }

  func value(of bits: UInt32) -> Double {
    let fraction = Int(bits) & (1 << fractionBits - 1)
    let exponent = Int(bits) >> fractionBits & (1 << exponentBits - 1)
    let isNegative = isSigned && bits >> UInt32(fractionBits + exponentBits) & 1 == 1
    let hasTopExponent = exponent == 1 << exponentBits - 1
    let isTop = hasTopExponent && fraction == 1 << fractionBits - 1
    switch special {
    case .ieee where hasTopExponent:
      if fraction != 0 { return .nan }
      return isNegative ? -.infinity : .infinity
    case .nanAtAllOnes where isTop: return .nan
    case .nanAtNegativeZero where isNegative && exponent == 0 && fraction == 0: return .nan
    default: break
    }
    // E8M0 has no zero and no subnormal numbers: its exponent 0 is 2^-127.
    let isSubnormal = exponent == 0 && isSigned
    let significand = fraction + (isSubnormal ? 0 : 1 << fractionBits)
    let scale = (isSubnormal ? 1 : exponent) - bias - fractionBits
    let magnitude = Double(significand) * Double(sign: .plus, exponent: scale, significand: 1)
    return isNegative ? -magnitude : magnitude
  }
}

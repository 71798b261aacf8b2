import Tensors
import Testing

@Test func ordersTypesAsTheReferenceLibraryDoes() {
  let names = [
    "BOOL", "F4", "F6_E2M3", "F6_E3M2", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ",
    "F8_E5M2FNUZ", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64",
  ]
  #expect(DType.allCases.map { $0.rawValue } == names)
  #expect(DType.allCases.reversed().sorted().map { $0.rawValue } == names)
  #expect(DType.f32 < .f64 && DType.u64 > .i64 && !(DType.f32 < .f32))
}

@Test func countsBytes() {
  let widths: [(Int, [DType])] = [
    (4, [.f4]), (6, [.f6e2m3, .f6e3m2]),
    (8, [.bool, .u8, .i8, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz]),
    (16, [.i16, .u16, .f16, .bf16]), (32, [.i32, .u32, .f32]), (64, [.c64, .f64, .i64, .u64]),
  ]
  #expect(widths.flatMap { $1 }.count == DType.allCases.count)
  for (width, types) in widths {
    for type in types {
      #expect(type.bitWidth == width)
      #expect(type.byteCount(of: 8) == width)
      #expect(type.byteCount(of: 0) == 0)
      #expect(type.byteCount(of: Int.max) == nil)
    }
  }
}

@Test func refusesPartsOfBytes() {
  #expect(DType.f4.byteCount(of: 3) == nil)
  #expect(DType.f4.byteCount(of: 2) == 1)
  #expect(DType.f6e2m3.byteCount(of: 2) == nil)
  #expect(DType.f6e3m2.byteCount(of: 4) == 3)
}

@Test func knowsTheIntegers() {
  #expect(
    DType.allCases.filter { $0.isInteger } == [.u8, .i8, .i16, .u16, .i32, .u32, .i64, .u64])
}

@Test func swiftTypesStandForTheTypesOfTheirWidth() {
  func agree<E: TensorElement>(_ type: E.Type) -> Bool {
    E.dtype.bitWidth == 8 * MemoryLayout<E>.size
  }
  #expect(agree(Float.self) && agree(Double.self))
  #expect(agree(Int8.self) && agree(Int16.self) && agree(Int32.self) && agree(Int64.self))
  #expect(agree(UInt8.self) && agree(UInt16.self) && agree(UInt32.self) && agree(UInt64.self))
}

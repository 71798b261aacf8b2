import Formats
import Tensors
import Testing

/// The tensor of an NPY file with this header and data.
private func read(
  _ header: String, _ data: [UInt8] = [], version: UInt8 = 1
) throws -> Tensor {
  let count = header.utf8.count
  let length =
    [UInt8(count & 255), UInt8(count >> 8)] + (version > 1 ? [0, 0] : [])
  return try readNPY([0x93] + Array("NUMPY".utf8) + [version, 0] + length + header.utf8 + data)
}

private func readNPY(_ bytes: [UInt8]) throws -> Tensor {
  try bytes.withUnsafeBytes { try NPY.tensor(from: $0) }
}

private func header(
  _ type: String, _ shape: String, fortran: Bool = false
) -> String {
  "{'descr': '\(type)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }    \n"
}

@Suite struct NPYTests {
  @Test func everyElementTypeIsReadInBothOrdersOfBytes() throws {
    let cases: [(String, [UInt8], Tensor)] = [
      ("u1", [7, 200], Tensor([7, 200] as [UInt8])),
      ("i1", [7, 0xFE], Tensor([7, -2] as [Int8])),
      ("u2", [1, 2, 0xFF, 0xFE], Tensor([258, 65534] as [UInt16])),
      ("i2", [1, 2, 0xFF, 0xFE], Tensor([258, -2] as [Int16])),
      ("i4", [1, 2, 3, 4, 255, 255, 255, 254], Tensor([16_909_060, -2] as [Int32])),
      ("u4", [1, 2, 3, 4, 0, 0, 0, 5], Tensor([16_909_060, 5] as [UInt32])),
      ("f4", [0x3F, 0xC0, 0, 0, 0xC0, 0x20, 0, 0], Tensor([1.5, -2.5] as [Float])),
      ("f8", [0x3F, 0xF8, 0, 0, 0, 0, 0, 0, 0xC0, 4, 0, 0, 0, 0, 0, 0], Tensor([1.5, -2.5])),
      (
        "i8", [0, 0, 0, 0, 0, 0, 1, 2, 255, 255, 255, 255, 255, 255, 255, 254],
        Tensor([258, -2] as [Int64])
      ),
    ]
    for (type, bytes, expected) in cases {
      #expect(try read(header(">" + type, "(2,)"), bytes) == expected, "\(type)")
      let width = bytes.count / 2
      let (first, second) = (bytes[..<width], bytes[width...])
      let swapped = [UInt8](first.reversed()) + [UInt8](second.reversed())
      #expect(try read(header("<" + type, "(2,)"), swapped) == expected, "\(type)")
    }
    let flags = try read(header("|b1", "(3,)"), [0, 1, 1])
    #expect(flags.dtype == .bool && flags.shape == [3])
    // Of a complex number each half is swapped by itself.
    let complex = try read(header(">c8", "(1,)"), [0x3F, 0xC0, 0, 0, 0xC0, 0x20, 0, 0])
    #expect(complex.withUnsafeBytes { Array($0) } == [0, 0, 0xC0, 0x3F, 0, 0, 0x20, 0xC0])
  }

  @Test func theFirstAxisMayBeInnermost() throws {
    let columns: [UInt8] = [1, 4, 2, 5, 3, 6]
    #expect(
      try read(header("|u1", "(2, 3)", fortran: true), columns)
        == Tensor([1, 2, 3, 4, 5, 6] as [UInt8], shape: [2, 3]))
    #expect(
      try read(header("|u1", "(2, 3)"), columns)
        == Tensor(columns, shape: [2, 3]))
    // Element (i, j, k) of [2, 3, 4] lies at i + 2 j + 6 k, and is the number 100 i + 10 j + k.
    var file = [UInt8](repeating: 0, count: 24)
    var expected: [UInt8] = []
    for i in 0..<2 {
      for j in 0..<3 {
        for k in 0..<4 {
          file[i + 2 * j + 6 * k] = UInt8(100 * i + 10 * j + k)
          expected.append(UInt8(100 * i + 10 * j + k))
        }
      }
    }
    #expect(
      try read(header("|u1", "(2, 3, 4)", fortran: true), file)
        == Tensor(expected, shape: [2, 3, 4]))
    #expect(
      try read(header("<f4", "(0, 3)", fortran: true))
        == Tensor(uninitialized: [0, 3], .f32))
  }

  @Test func allVersionsAndWaysToWriteTheHeaderAreRead() throws {
    let expected = Tensor([1, 2] as [UInt8])
    for version: UInt8 in 1...3 {
      #expect(try read(header("|u1", "(2,)"), [1, 2], version: version) == expected)
    }
    for text in [
      "{\"shape\":(2,),\"descr\":\"|u1\",\"fortran_order\":False}",
      "  { 'fortran_order' : False , 'descr' : '<u1' , 'shape' : ( 2L , ) }\n",
    ] {
      #expect(try read(text, [1, 2]) == expected, "\(text)")
    }
    #expect(try read(header("|u1", "()"), [9]) == Tensor([9] as [UInt8], shape: []))
  }

  @Test func everyTruncationIsRefused() throws {
    let text = header("<i2", "(2,)")
    let whole: [UInt8] =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + text.utf8 + [1, 0, 2, 0]
    #expect(try readNPY(whole) == Tensor([1, 2] as [Int16]))
    for count in whole.indices {
      #expect(throws: FormatError.self, "\(count)") { try readNPY(Array(whole.prefix(count))) }
    }
    expectError(
      .trailingBytes(offset: whole.count, shape: [2], dtype: .i16, found: 1),
      "byte \(whole.count): found 1 bytes, expected the end after I16 [2]"
    ) { _ = try readNPY(whole + [0]) }
  }

  @Test func whatIsWrongIsSaid() throws {
    let all = "expected < or > and one of b1, u1, i1, u2, i2, f2, u4, i4, f4, u8, i8, f8, c8"
    let cases: [(String, String)] = [
      (header("<U5", "(2,)"), "byte 20: found element type '<U5', " + all),
      (header("|u2", "(2,)"), "byte 20: found element type '|u2', " + all),
      (header("", "(2,)"), "byte 20: found element type '', " + all),
      (header("<f4", "2"), "byte 60: found '2, }    \\n', expected '('"),
      (header("<f4", "(2)"), "byte 62: found '), }    \\n', expected ','"),
      (header("<f4", "(2, -1)"), "byte 64: found '-1), }    \\n', expected a length or ')'"),
      (
        header("<f4", "(9223372036854775808,)"),
        "byte 61: found '922337203685', expected a length below 2^63"
      ),
      (
        header("<f4", "(9223372036854775807, 2)"),
        "byte 60: found dimensions [9223372036854775807, 2] of F32, expected at most "
          + "9223372036854775807 bytes"
      ),
      (
        "{'descr': '<f4', 'fortran_order': False}",
        "found a header without 'shape', expected 'descr', 'fortran_order' and 'shape'"
      ),
      (
        "{'descr': '<f4', 'descr': '<f4'}",
        "byte 36: found key 'descr', expected 'descr', 'fortran_order' and 'shape', each once"
      ),
      ("{'descr': '<f4", "byte 24: found the end, expected a closing quote"),
      ("{'descr': '<f4', 'fortran_order': 1}", "byte 44: found '1}', expected True or False"),
      ("[1]", "byte 10: found '[1]', expected '{'"),
      (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "byte 66: found 'x', expected spaces up to the data"
      ),
    ]
    for (text, message) in cases {
      let error = #expect(throws: FormatError.self, "\(text)") { try read(text) }
      #expect(error?.description == message)
    }
    let deep = "(" + String(repeating: "1,", count: 65) + ")"
    let error = #expect(throws: FormatError.self) { try read(header("|u1", deep), [1]) }
    #expect(error?.description == "byte 60: found 65 axes, expected at most 64")
    expectError(
      .npyVersion(4, 0), "byte 6: found format version 4.0, expected 1.0, 2.0 or 3.0"
    ) { _ = try readNPY([0x93] + Array("NUMPY".utf8) + [4, 0, 0, 0]) }
    expectError(
      .npyMagic(found: [0x93, 0x4E, 0]),
      "byte 0: found 0x93 0x4E 0x00, expected 0x93 0x4E 0x55 0x4D 0x50 0x59 as every NPY file begins"
    ) { _ = try readNPY([0x93, 0x4E, 0]) }
  }
}

import Tensors
import Testing

private let numbers = Tensor([1, 2, 3, 4, 5, 6] as [Int32], shape: [3, 2])

private func address(_ tensor: Tensor) -> UInt {
  tensor.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
}

@Test func holdsItsValuesPackedRowMajorAndLittleEndian() {
  #expect(numbers.dtype == .i32)
  #expect(numbers.values(of: Int32.self) == [1, 2, 3, 4, 5, 6])
  Tensor([0x0102_0304, -2] as [Int32]).withUnsafeBytes {
    #expect(Array($0) == [4, 3, 2, 1, 0xFE, 0xFF, 0xFF, 0xFF])
  }
  #expect(Tensor(zeros: [2, 2], .f64).values(of: Double.self) == [0, 0, 0, 0])
  #expect(Tensor([] as [Float]).shape == [0])
}

@Test func startsAtTheAlignmentOfItsStorage() {
  for count in 1...9 {
    #expect(address(Tensor(zeros: [count], .u8)) % UInt(Storage.alignment) == 0)
  }
}

@Test func refusesValuesThatDoNotFillTheShape() async {
  await #expect(processExitsWith: .failure) { _ = Tensor([1, 2, 3] as [Float], shape: [2, 2]) }
  await #expect(processExitsWith: .failure) { _ = Tensor([1] as [Float]).values(of: Double.self) }
}

@Test func copiesAreIndependentOnceWrittenTo() {
  let original = Tensor([1, 2, 3] as [Float])
  var copy = original
  #expect(address(copy) == address(original))
  copy.withMutableValues(of: Float.self) { $0[1] = 20 }
  #expect(original.values(of: Float.self) == [1, 2, 3])
  #expect(copy.values(of: Float.self) == [1, 20, 3])

  let before = address(copy)
  copy.withMutableValues(of: Float.self) { $0[2] = 30 }
  #expect(address(copy) == before, "the only owner copies nothing")
  #expect(copy.values(of: Float.self) == [1, 20, 30])
}

@Test func partsAreIndependentOfTheWholeOnceWrittenTo() {
  var whole = numbers
  var part = whole.rows(1..<2)
  let flat = whole.reshaped([6])
  part.withMutableValues(of: Int32.self) { $0[0] = 30 }
  whole.withMutableValues(of: Int32.self) { $0[5] = 60 }
  #expect(part.values(of: Int32.self) == [30, 4])
  #expect(whole.values(of: Int32.self) == [1, 2, 3, 4, 5, 60])
  #expect(flat.values(of: Int32.self) == [1, 2, 3, 4, 5, 6])
}

@Test func tensorsOfOneStorageAreIndependentOnceWrittenTo() {
  let storage = Storage(byteCount: 8)
  storage.bytes.copyBytes(from: [1, 2, 3, 4, 5, 6, 7, 8])
  var first = Tensor(dtype: .u8, shape: [4], storage: storage, offset: 0)
  let second = Tensor(dtype: .u8, shape: [4], storage: storage, offset: 4)
  first.withMutableValues(of: UInt8.self) { $0[0] = 9 }
  #expect(first.values(of: UInt8.self) == [9, 2, 3, 4])
  #expect(second.values(of: UInt8.self) == [5, 6, 7, 8])
  #expect(Array(storage.bytes) == [1, 2, 3, 4, 5, 6, 7, 8])
}

@Test func copiesElementsThatAreNotAligned() {
  let storage = Storage(byteCount: 12)
  storage.bytes.copyBytes(from: [9, 1, 0, 0, 0, 2, 0, 0, 0, 9, 9, 9])
  let tensor = Tensor(dtype: .i32, shape: [2], storage: storage, offset: 1)
  #expect(tensor.values(of: Int32.self) == [1, 2])
  #expect(address(tensor) % 4 == 0)
  let aligned = Tensor(dtype: .u8, shape: [2], storage: storage, offset: 1)
  #expect(address(aligned) == UInt(bitPattern: storage.bytes.baseAddress) + 1, "nothing to copy")
}

@Test func trapsOutsideItsStorage() async {
  await #expect(processExitsWith: .failure) {
    _ = Tensor(dtype: .u8, shape: [4], storage: Storage(byteCount: 8), offset: 5)
  }
  await #expect(processExitsWith: .failure) {
    _ = Tensor(dtype: .u8, shape: [4], storage: Storage(byteCount: 8), offset: -1)
  }
}

@Test func resizedStorageKeepsTheBytesThatFit() {
  let storage = Storage(byteCount: 3)
  storage.bytes.copyBytes(from: [1, 2, 3])
  storage.resize(to: 5)
  #expect(storage.bytes.count == 5 && Array(storage.bytes.prefix(3)) == [1, 2, 3])
  storage.resize(to: 2)
  #expect(Array(storage.bytes) == [1, 2])
}

// MARK: Rearranging

@Test func reshapesWithoutCopying() {
  let flat = numbers.reshaped([6])
  #expect(flat == Tensor([1, 2, 3, 4, 5, 6] as [Int32]))
  #expect(address(flat) == address(numbers))
}

@Test func takesRowsWithoutCopying() {
  let rows = numbers.rows(1..<3)
  #expect(rows == Tensor([3, 4, 5, 6] as [Int32], shape: [2, 2]))
  #expect(address(rows) == address(numbers) + 8)
  #expect(numbers.rows(2..<2) == Tensor([] as [Int32], shape: [0, 2]))
  #expect(numbers.rows(1..<3).rows(1..<2) == Tensor([5, 6] as [Int32], shape: [1, 2]))
}

@Test func gathersRowsInTheGivenOrder() {
  #expect(numbers.gathered([2, 0, 2]) == Tensor([5, 6, 1, 2, 5, 6] as [Int32], shape: [3, 2]))
  #expect(numbers.rows(1..<3).gathered([1]) == Tensor([5, 6] as [Int32], shape: [1, 2]))
  #expect(numbers.gathered([]) == Tensor([] as [Int32], shape: [0, 2]))
  #expect(Tensor([7, 8] as [UInt8]).gathered([1, 1]) == Tensor([8, 8] as [UInt8]))
}

@Test func concatenatesAlongTheFirstAxis() {
  let parts = [numbers.rows(2..<3), numbers.rows(0..<0), numbers.rows(0..<2)]
  #expect(Tensor.concatenated(parts) == Tensor([5, 6, 1, 2, 3, 4] as [Int32], shape: [3, 2]))
  #expect(Tensor.concatenated([numbers]) == numbers)
}

@Test func trapsOnRearrangementsThatCannotBe() async {
  await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [3, 2], .f32).reshaped([5]) }
  await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [3, 2], .f32).rows(1..<4) }
  await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [3, 2], .f32).gathered([3]) }
  await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [3, 2], .f32).gathered([-1]) }
  await #expect(processExitsWith: .failure) { _ = Tensor(zeros: [], .f32).rows(0..<0) }
  await #expect(processExitsWith: .failure) {
    _ = Tensor.concatenated([Tensor(zeros: [1, 2], .f32), Tensor(zeros: [1, 3], .f32)])
  }
  await #expect(processExitsWith: .failure) {
    _ = Tensor.concatenated([Tensor(zeros: [1, 2], .f32), Tensor(zeros: [1, 2], .f64)])
  }
}

@Test func equalsInTypeShapeAndEveryByte() {
  #expect(Tensor([Float.nan]) == Tensor([Float.nan]))
  #expect(Tensor([0] as [Float]) != Tensor([-0.0] as [Float]))
  #expect(Tensor([0] as [Int32]) != Tensor([0] as [Float]))
  #expect(Tensor([1, 2] as [Int32], shape: [1, 2]) != Tensor([1, 2] as [Int32]))
  #expect(numbers.rows(0..<1) == Tensor([1, 2] as [Int32], shape: [1, 2]))
}

@Test func renewalSparesWhoHoldsTheElementsToo() {
  func doubled(_ tensor: inout Tensor) -> Bool? {
    let count = tensor.shape.count
    return tensor.withRenewal(of: Float.self) { old, new in
      for index in 0..<count { new[index] = 2 * old[index] }
      return old == UnsafePointer(new)
    }
  }
  var tensor = Tensor([1, 2] as [Float])
  // In its own memory, unless that is shared, or part of a larger one.
  #expect(doubled(&tensor) == true && tensor == Tensor([2, 4] as [Float]))
  let other = tensor
  #expect(doubled(&tensor) == false && tensor == Tensor([4, 8] as [Float]))
  #expect(other == Tensor([2, 4] as [Float]))
  let rows = Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
  var row = rows.rows(1..<2)
  #expect(doubled(&row) == false && row == Tensor([6, 8] as [Float], shape: [1, 2]))
}

@Test func alignedItIsTheSame() {
  let storage = Storage(byteCount: 72)
  for byte in 0..<72 { storage.bytes[byte] = UInt8(byte) }
  for offset in [0, 4, 64] {
    var tensor = Tensor(dtype: .u8, shape: [8], storage: storage, offset: offset)
    let before = tensor
    tensor.align()
    #expect(tensor == before)
    #expect(tensor.withUnsafeBytes { Int(bitPattern: $0.baseAddress) } % Storage.alignment == 0)
  }
}

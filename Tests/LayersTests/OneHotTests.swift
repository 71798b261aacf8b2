import Layers
import Tensors
import Testing

struct OneHotTests {
  @Test func setsTheColumnOfTheClass() throws {
    #expect(
      try oneHot(ids: Tensor([2, 0] as [UInt8]), classes: 3, dtype: .f32)
        == Tensor([0, 0, 1, 1, 0, 0] as [Float], shape: [2, 3]))
    #expect(
      try oneHot(ids: Tensor([1] as [Int64]), classes: 2, dtype: .f64)
        == Tensor([0, 1] as [Double], shape: [1, 2]))
  }

  @Test func readsEveryIntegerType() throws {
    let expected = try oneHot(ids: Tensor([1, 4] as [UInt8]), classes: 5, dtype: .f32)
    let others = [
      Tensor([1, 4] as [Int8]), Tensor([1, 4] as [UInt16]), Tensor([1, 4] as [Int16]),
      Tensor([1, 4] as [UInt32]), Tensor([1, 4] as [Int32]), Tensor([1, 4] as [UInt64]),
      Tensor([1, 4] as [Int64]),
    ]
    for ids in others { #expect(try oneHot(ids: ids, classes: 5, dtype: .f32) == expected) }
  }

  @Test func refusesIdsOutOfRangeWithTheirRow() throws {
    let large = LossError.classOutOfRange(id: "10", row: 7, classes: 10)
    #expect(throws: large) {
      try oneHot(ids: Tensor([0, 1, 2, 3, 4, 5, 9, 10] as [UInt8]), classes: 10, dtype: .f32)
    }
    #expect("\(large)" == "tensor 'target': class id 10 in row 7, expected 0 to 9")
    #expect(throws: LossError.classOutOfRange(id: "-1", row: 0, classes: 10)) {
      try oneHot(ids: Tensor([-1] as [Int8]), classes: 10, dtype: .f32)
    }
    #expect(throws: LossError.classOutOfRange(id: "\(UInt64.max)", row: 0, classes: 10)) {
      try oneHot(ids: Tensor([UInt64.max]), classes: 10, dtype: .f32)
    }
  }
}

import Tensors
import Testing

@Test func countsElements() {
  #expect(Shape([2, 3, 4]).count == 24)
  #expect(Shape([]).count == 1)
  #expect(Shape([5, 0, 7]).count == 0)
  #expect(Shape([2, 3, 4]).rank == 3)
  #expect(Shape([2, 3, 4])[1] == 3)
}

@Test func refusesImpossibleShapesFromOutside() {
  #expect(Shape(checking: [-1]) == nil)
  #expect(Shape(checking: [0, -1]) == nil)
  #expect(Shape(checking: [-2, -3]) == nil)
  #expect(Shape(checking: [Int.max, 2]) == nil)
  #expect(Shape(checking: [1 << 32, 1 << 31]) == nil)
  #expect(Shape(checking: [1 << 32, 1 << 30])?.count == 1 << 62)
  #expect(Shape(checking: [Int.max, 1, 1])?.count == Int.max)
  // The reference library of safetensors multiplies in the same order and refuses this as well.
  #expect(Shape(checking: [Int.max, 2, 0]) == nil)
  #expect(Shape(checking: [0, Int.max, 2])?.count == 0)
}

@Test func trapsOnImpossibleShapesOfItsOwn() async {
  await #expect(processExitsWith: .failure) { _ = Shape([-1]) }
  await #expect(processExitsWith: .failure) { _ = Shape([Int.max, 2]) }
}

@Test func derivesShapesOfExamplesAndBatches() {
  let pictures: Shape = [64, 1, 28, 27]
  #expect(pictures.perExample == [1, 28, 27])
  #expect(pictures.perExample.batched(5) == [5, 1, 28, 27])
  #expect(pictures.squeezed == [64, 28, 27])
  #expect(Shape([1, 1]).squeezed == [])
  #expect(Shape([3]).perExample == [])
}

@Test func writesShapesForMessagesAndTopologies() {
  #expect(Shape([64, 784]).description == "[64, 784]")
  #expect(Shape([]).description == "[]")
  #expect(Shape([1, 28, 28]).topologyText == "1x28x28")
}

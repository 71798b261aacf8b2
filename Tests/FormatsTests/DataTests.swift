import Formats
import Foundation
import Tensors
import Testing

/// The bytes of a file under `data/`.
private func shipped(_ path: String) throws -> [UInt8] {
  let data = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../data")
  return try Array(Data(contentsOf: data.appending(path: path)))
}

@Test func readsTheArticlesTables() throws {
  let table = try readCSV(shipped("article/table.csv"), targetColumns: ["output"])
  #expect(
    table.input == Tensor([0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1] as [Double], shape: [4, 3]))
  #expect(table.target == Tensor([0, 1, 1, 0] as [Double], shape: [4, 1]))
  let question = try readCSV(shipped("article/question.csv"))
  #expect(question.input == Tensor([1, 0, 0] as [Double], shape: [1, 3]))
  let weights = try readCSV(shipped("article/weights.csv"))
  #expect(
    weights.input == Tensor([-0.16595599, 0.44064899, -0.99977125] as [Double], shape: [1, 3]))
}

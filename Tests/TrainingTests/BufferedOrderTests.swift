import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct BufferedOrderTests {
  static let counts = [[1], [7], [5, 1, 9], [3, 3, 3, 3], [64, 1, 31]]

  private func order(
    _ counts: [Int], _ capacity: Int?, seed: UInt64 = 1, epoch: Int = 1
  ) -> [Int] {
    Array(BufferedOrder(of: counts, capacity: capacity, seed: seed, epoch: epoch))
  }

  @Test(arguments: counts, [1, 2, 3, 10, 95, 96, 97, 1000])
  func everyRowLeavesOnce(_ counts: [Int], capacity: Int) {
    let rows = order(counts, capacity)
    #expect(rows.sorted() == Array(0..<counts.reduce(0, +)))
  }

  @Test func itIsAFunctionOfSeedAndEpoch() {
    let counts = [20, 30, 50]
    #expect(order(counts, 10) == order(counts, 10))
    #expect(order(counts, 10) != order(counts, 10, seed: 2))
    #expect(order(counts, 10) != order(counts, 10, epoch: 2))
    #expect(order(counts, 10) != order(counts, 11))
    // Shards of one row each: in a buffer of one their order is all that is random.
    let ones = Array(repeating: 1, count: 50)
    #expect(order(ones, 1) != order(ones, 1, epoch: 2))
    #expect(order(ones, 1) != Array(0..<50))
  }

  @Test(arguments: counts) func withoutABufferAllStaysAsItLies(_ counts: [Int]) {
    #expect(order(counts, nil) == Array(0..<counts.reduce(0, +)))
  }

  @Test func aBufferOfOneRowKeepsTheRowsOfAShardTogether() {
    let rows = order([3, 3, 3, 3], 1)
    for start in stride(from: 0, to: 12, by: 3) {
      #expect(rows[start] % 3 == 0)
      #expect(Array(rows[start..<start + 3]) == [rows[start], rows[start] + 1, rows[start] + 2])
    }
  }

  /// A row can only come once it is in the buffer: at place k no row that arrived behind the first k + capacity.
  @Test func noRowComesBeforeItWasRead() {
    for (place, row) in order([500], 20).enumerated() { #expect(row < place + 20) }
    #expect(order([500], 20).enumerated().contains { $0.element == $0.offset + 19 })
  }

  /// Every row is as likely as any other to come first, second, …, when the buffer holds them all.
  @Test func aBufferForAllRowsMakesEveryPlaceEquallyLikely() {
    var counted = [[Int]](repeating: [0, 0, 0, 0, 0], count: 5)
    for seed in 0..<2000 as Range<UInt64> {
      for (place, row) in order([2, 3], 5, seed: seed).enumerated() { counted[place][row] += 1 }
    }
    // 400 expected, of a standard deviation of 18.
    for row in counted.joined() { #expect(310...490 ~= row) }
  }

  @Test(arguments: counts, [1, 2, 4, 30, 200])
  func toSkipRowsIsToLetThemPass(_ counts: [Int], capacity: Int) throws {
    let shards = Rows(counts)
    let whole = order(counts, capacity)
    for skipped in [0, 1, 3, whole.count / 2, whole.count - 1] where skipped < whole.count {
      var buffer = try ShuffleBuffer(
        BufferedOrder(of: counts, capacity: capacity, seed: 1, epoch: 1),
        outline: try shards.outline,
        skipping: skipped, open: shards.open)
      var rows: [Int] = []
      while rows.count < whole.count - skipped {
        let examples = try buffer.take(min(4, whole.count - skipped - rows.count))
        #expect(examples.input.values(of: Int64.self) == examples.rows.flatMap { [Int64($0), -7] })
        #expect(examples.target?.values(of: UInt8.self) == examples.rows.map { UInt8($0 % 251) })
        #expect(Array(examples.places) == Array(0..<examples.rows.count))
        rows += examples.rows
      }
      #expect(rows == Array(whole[skipped...]), "behind \(skipped)")
      #expect(shards.unfinished == 0)
    }
  }

  @Test func shardsThatAreNotNeededAnyMoreAreNotOpened() throws {
    let counts = Array(repeating: 100, count: 20)
    let shards = Rows(counts)
    _ = try ShuffleBuffer(
      BufferedOrder(of: counts, capacity: 2, seed: 1, epoch: 1), outline: try shards.outline,
      skipping: 1990, open: shards.open)
    #expect(shards.opened == 1)
  }
}

/// Shards whose rows are (index, −7), with targets (index mod 251).
private final class Rows {
  let counts: [Int]
  private(set) var opened = 0
  fileprivate(set) var unfinished = 0

  init(_ counts: [Int]) { self.counts = counts }

  var outline: DatasetOutline {
    get throws {
      try Dataset(
        Document(tensors: [
          "input": Tensor([0, 0] as [Int64], shape: [1, 2]), "target": Tensor([0] as [UInt8]),
        ])
      ).outline
    }
  }

  func open(_ shard: Int) -> any RowReader {
    opened += 1
    unfinished += 1
    return Reader(of: self, counts[..<shard].reduce(0, +), count: counts[shard])
  }

  final class Reader: RowReader {
    private let rows: Rows
    private var row: Int
    private let end: Int
    private var input: [Int64] = []
    private var target: [UInt8] = []

    init(of rows: Rows, _ start: Int, count: Int) {
      (self.rows, row, end) = (rows, start, start + count)
    }

    func next() -> (input: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer?) {
      precondition(row < end, "a row behind the last")
      memory.storeBytes(of: Int64(row), as: Int64.self)
      memory.storeBytes(of: -7, toByteOffset: 8, as: Int64.self)
      memory.storeBytes(of: UInt8(row % 251), toByteOffset: 16, as: UInt8.self)
      row += 1
      let bytes = UnsafeRawBufferPointer(memory)
      return (.init(rebasing: bytes[..<16]), .init(rebasing: bytes[16..<17]))
    }

    private let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 17, alignment: 8)

    deinit { memory.deallocate() }

    func skip(_ rows: Int) {
      row += rows
      precondition(row <= end, "rows behind the last skipped")
    }

    func finish() {
      #expect(row == end)
      rows.unfinished -= 1
    }
  }
}

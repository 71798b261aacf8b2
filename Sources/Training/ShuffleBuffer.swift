import Tensors

/// The rows of one shard, one after the other.
public protocol RowReader: AnyObject {
  /// The bytes of the next row, until the next call; no target where there is none.
  func next() throws -> (input: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer?)
  /// Passes over the next rows.
  func skip(_ rows: Int) throws
  /// Makes sure, behind the last row, that all was sound.
  func finish() throws
}

/// Rows on their way from shards into batches, some of them at a time.
public struct ShuffleBuffer {
  private var order: BufferedOrder
  private let outline: DatasetOutline
  private let open: (Int) throws -> any RowReader
  private var reader: (any RowReader)?
  private var inputs: Slots
  private var targets: Slots?

  /// - Parameters:
  ///   - outline: of the rows; all shards have rows of one kind.
  ///   - skipped: how many rows are left out. Of the shards before them only those are read of which rows are still needed.
  ///   - open: begins to read a shard.
  /// - Throws: what `open` and its readers throw.
  public init(
    _ order: BufferedOrder, outline: DatasetOutline, skipping skipped: Int,
    open: @escaping (Int) throws -> any RowReader
  ) throws {
    self.order = order
    self.outline = outline
    self.open = open
    inputs = Slots(of: outline.input)
    targets = outline.target.map { Slots(of: $0) }
    if skipped > 0 { try skip(skipped) } else { try fill() }
  }

  private mutating func fill() throws {
    var place = 0
    while let arrival = order.fill() {
      try read(arrival, into: place)
      place += 1
    }
  }

  private mutating func skip(_ count: Int) throws {
    for shard in order.advance(by: count) where !(shard.isWhole && shard.rows.isEmpty) {
      let reader = try open(shard.shard)
      var passed = 0
      for (row, place) in shard.rows {
        try reader.skip(row - passed)
        try put(reader.next(), into: place)
        passed = row + 1
      }
      try reader.skip(shard.arrived - passed)
      if shard.isWhole { try reader.finish() } else { self.reader = reader }
    }
  }

  /// The next rows in their order.
  ///
  /// - Parameter count: at most as many as are left.
  /// - Returns: tensors of these rows alone.
  public mutating func take(_ count: Int) throws -> Examples {
    let input = Storage(byteCount: count * inputs.width)
    let target = targets.map { Storage(byteCount: count * $0.width) }
    var rows: [Int] = []
    rows.reserveCapacity(count)
    for number in 0..<count {
      guard let departure = order.depart() else { preconditionFailure("a row behind the last") }
      rows.append(departure.index)
      inputs.copy(departure.place, to: input, at: number)
      if let target { targets?.copy(departure.place, to: target, at: number) }
      if let successor = departure.successor {
        try read(successor, into: departure.place)
      } else {
        inputs.move(order.places.count, to: departure.place)
        targets?.move(order.places.count, to: departure.place)
      }
    }
    return Examples(
      input: outline.input.tensor(of: count, in: input),
      target: target.flatMap { outline.target?.tensor(of: count, in: $0) },
      places: (0..<count).map { $0 }[...], rows: rows[...])
  }

  private mutating func read(_ arrival: BufferedOrder.Arrival, into place: Int) throws {
    let reader = try self.reader ?? open(arrival.shard)
    self.reader = reader
    try put(reader.next(), into: place)
    if arrival.isLast {
      try reader.finish()
      self.reader = nil
    }
  }

  private mutating func put(
    _ row: (input: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer?), into place: Int
  ) {
    inputs.put(row.input, into: place)
    if let target = row.target { targets?.put(target, into: place) }
  }
}

/// The buffer's places for the rows of one tensor; their memory grows with the rows that come.
private struct Slots {
  let width: Int
  private let storage: Storage

  init(of rows: DatasetOutline.Rows) {
    guard let width = rows.dtype.byteCount(of: rows.shape.perExample.count) else {
      preconditionFailure("rows of \(rows.shape) that do not fill whole bytes")
    }
    self.width = width
    storage = Storage(byteCount: 0)
  }

  func put(_ row: UnsafeRawBufferPointer, into place: Int) {
    let end = (place + 1) * width
    if end > storage.bytes.count { storage.resize(to: max(end, 2 * storage.bytes.count)) }
    self[place].copyMemory(from: row)
  }

  func copy(_ place: Int, to target: Storage, at number: Int) {
    UnsafeMutableRawBufferPointer(rebasing: target.bytes[number * width..<(number + 1) * width])
      .copyMemory(from: UnsafeRawBufferPointer(self[place]))
  }

  func move(_ from: Int, to place: Int) {
    if from != place { self[place].copyMemory(from: UnsafeRawBufferPointer(self[from])) }
  }

  private subscript(place: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(rebasing: storage.bytes[place * width..<(place + 1) * width])
  }
}

extension DatasetOutline.Rows {
  fileprivate func tensor(of count: Int, in storage: Storage) -> Tensor {
    Tensor(dtype: dtype, shape: shape.perExample.batched(count), storage: storage, offset: 0)
  }
}

import Tensors

/// The order in which the rows of shards leave a shuffle buffer in one epoch.
///
/// A pure function of the shards' lengths, the buffer's, the seed and the epoch: the shards come in random order, the rows
/// of each as they lie. When the buffer is full, every row that comes takes the place of one that is drawn and leaves;
/// when no row comes any more, the last place's row moves to the one that was left. Draw k takes the numbers of block k.
public struct BufferedOrder: Sendable {
  /// A row that comes into the buffer.
  struct Arrival: Equatable, Sendable {
    let shard: Int
    /// Within the shard.
    let row: Int
    /// Of all shards, in the order in which they are given.
    let index: Int
    /// Whether it is the shard's last.
    let isLast: Bool
  }

  /// A row that leaves the buffer.
  struct Departure: Equatable, Sendable {
    /// Where in the buffer it was.
    let place: Int
    /// Of all shards, in the order in which they are given.
    let index: Int
    /// What takes its place; nil for the row of the buffer's last place.
    let successor: Arrival?
  }

  private var arrivals: Arrivals
  private let capacity: Int
  private let draws: RandomNumbers
  private var departed: UInt64 = 0
  /// The rows in the buffer, by their index.
  private(set) var places: [Int] = []

  /// - Parameters:
  ///   - counts: how many rows each shard has.
  ///   - capacity: how many rows the buffer holds; nil to keep shards and rows in their order.
  ///   - epoch: from 1.
  public init(of counts: [Int], capacity: Int?, seed: UInt64, epoch: Int) {
    precondition(capacity ?? 1 > 0, "a buffer of \(capacity ?? 1) rows")
    let stream = UInt64(epoch)
    let order =
      capacity == nil
      ? Array(counts.indices)
      : RandomNumbers(seed: seed, purpose: "shuffle.shards", stream: stream)
        .permutation(of: counts.count)
    arrivals = Arrivals(of: counts, order: order)
    // A buffer of one row changes nothing.
    self.capacity = capacity ?? 1
    draws = RandomNumbers(seed: seed, purpose: "shuffle.buffer", stream: stream)
  }

  /// The row that comes into the buffer's next place, as long as it is being filled.
  mutating func fill() -> Arrival? {
    guard departed == 0, places.count < capacity, let arrival = arrivals.next() else { return nil }
    places.append(arrival.index)
    return arrival
  }

  /// The row that leaves the buffer, which is full, or was, next; nil when it is empty.
  mutating func depart() -> Departure? {
    if places.isEmpty { return nil }
    let place = Int(draws.number(below: UInt64(places.count), block: departed))
    let index = places[place]
    departed += 1
    let successor = arrivals.next()
    if let successor {
      places[place] = successor.index
    } else {
      places[place] = places[places.count - 1]
      places.removeLast()
    }
    return Departure(place: place, index: index, successor: successor)
  }

  /// Goes on until `count` rows have left.
  ///
  /// - Returns: every shard of which rows have come by then, in their order, and the rows of it that are in the buffer.
  mutating func advance(by count: Int) -> [Remainder] {
    let begun = arrivals
    while fill() != nil {}
    for _ in 0..<count { _ = depart() }
    var inBuffer: [Int: [(index: Int, place: Int)]] = [:]
    for (place, index) in places.enumerated() {
      inBuffer[begun.shard(of: index), default: []].append((index, place))
    }
    return begun.shards(before: arrivals).map { shard, arrived in
      let rows = inBuffer[shard, default: []].sorted { $0.index < $1.index }
      return Remainder(
        shard: shard, arrived: arrived, isWhole: arrived == begun.count(of: shard),
        rows: rows.map { ($0.index - begun.start(of: shard), $0.place) })
    }
  }

  /// What there still is of a shard.
  struct Remainder {
    let shard: Int
    /// How many of its rows have come.
    let arrived: Int
    /// Whether those are all.
    let isWhole: Bool
    /// Those of them that are in the buffer, ascending, and where.
    let rows: [(row: Int, place: Int)]
  }
}

extension BufferedOrder: Sequence, IteratorProtocol {
  /// The index of the next row.
  public mutating func next() -> Int? {
    while fill() != nil {}
    return depart()?.index
  }
}

/// The rows of shards, one shard after the other.
private struct Arrivals: Sendable {
  private let counts: [Int]
  /// The index of each shard's first row.
  private let starts: [Int]
  private let order: [Int]
  private var turn = 0
  private var row = 0

  init(of counts: [Int], order: [Int]) {
    self.counts = counts
    self.order = order
    var starts: [Int] = []
    var start = 0
    for count in counts {
      precondition(count > 0, "a shard of \(count) rows")
      starts.append(start)
      start += count
    }
    self.starts = starts
  }

  mutating func next() -> BufferedOrder.Arrival? {
    guard turn < order.count else { return nil }
    let shard = order[turn]
    let arrival = BufferedOrder.Arrival(
      shard: shard, row: row, index: starts[shard] + row, isLast: row == counts[shard] - 1)
    row += 1
    if arrival.isLast { (turn, row) = (turn + 1, 0) }
    return arrival
  }

  func count(of shard: Int) -> Int { counts[shard] }
  func start(of shard: Int) -> Int { starts[shard] }

  /// The shard that a row belongs to.
  func shard(of index: Int) -> Int {
    var (low, high) = (0, starts.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= index { low = middle } else { high = middle }
    }
    return low
  }

  /// The shards of which rows come before `end`, and how many.
  func shards(before end: Arrivals) -> [(shard: Int, arrived: Int)] {
    let whole = order[..<end.turn].map { ($0, counts[$0]) }
    return end.row == 0 ? whole : whole + [(order[end.turn], end.row)]
  }
}

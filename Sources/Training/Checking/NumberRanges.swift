import Tensors

/// Between which numbers every column of some examples lies, and how far all of them spread: what further examples are
/// compared with.
struct NumberRanges {
  private var lowest = [Double]()
  private var highest = [Double]()
  private var count = 0.0
  private var mean = 0.0
  private var squares = 0.0

  /// - Parameter examples: [N, …], of as many numbers an example every time, all finite.
  mutating func add(_ examples: Tensor) {
    let width = examples.shape.perExample.count
    let values = examples.doubles()
    if lowest.isEmpty {
      lowest = [Double](repeating: .infinity, count: width)
      highest = [Double](repeating: -.infinity, count: width)
    }
    precondition(lowest.count == width, "\(width) numbers an example, \(lowest.count) before")
    for (element, value) in values.enumerated() {
      let column = element % width
      lowest[column] = min(lowest[column], value)
      highest[column] = max(highest[column], value)
      // Welford 1962: no cancellation where the mean is far from 0.
      count += 1
      let distance = value - mean
      mean += distance / count
      squares += distance * (value - mean)
    }
  }

  /// The standard deviation of all numbers, the root of the mean square distance.
  var deviation: Double { (squares / count).squareRoot() }

  /// The examples so far.
  var examples: Int { lowest.isEmpty ? 0 : Int(count) / lowest.count }

  /// How many numbers lie outside their columns' ranges, and the first of them.
  func outside(_ examples: Tensor) -> (count: Int, first: Outlier?) {
    let width = examples.shape.perExample.count
    var number = 0
    var first: Outlier?
    for (element, value) in examples.doubles().enumerated() {
      let column = element % width
      if value >= lowest[column] && value <= highest[column] { continue }
      number += 1
      first =
        first
        ?? Outlier(
          value: value, row: element / width, column: column,
          range: lowest[column]...highest[column])
    }
    return (number, first)
  }

  /// A number that is outside of what its column has held so far.
  struct Outlier {
    let value: Double
    let row, column: Int
    let range: ClosedRange<Double>
  }
}

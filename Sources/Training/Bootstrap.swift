import Tensors

/// What the mean of a sample might as well have been: the means of samples drawn from it, with replacement and of its size.
///
/// Source: Efron 1979, Bootstrap methods: another look at the jackknife; the percentile interval.
struct Bootstrap {
  /// In ascending order.
  private let means: [Double]

  /// Draw i of sample number k is the number at index i of stream k, so the result depends on nothing but the arguments.
  ///
  /// - Parameters:
  ///   - values: at least one.
  ///   - samples: how many are drawn, at least one.
  init(meansOf values: [Double], samples: Int, seed: UInt64) {
    precondition(!values.isEmpty && samples > 0, "a bootstrap of nothing")
    let count = UInt64(values.count)
    means = (0..<samples).map { sample in
      let numbers = RandomNumbers(seed: seed, purpose: "bootstrap", stream: UInt64(sample))
      var sum = 0.0
      for start in stride(from: 0, to: values.count, by: 4) {
        let block = numbers.block(UInt64(start / 4))
        let bits = [block.0, block.1, block.2, block.3]
        for place in 0..<min(4, values.count - start) {
          // The high word of a product with 64 random bits: uneven by less than count / 2⁶⁴.
          sum += values[Int(bits[place].multipliedFullWidth(by: count).high)]
        }
      }
      return sum / Double(values.count)
    }.sorted()
  }

  /// The mean that a share of the samples stays below, between two of them in proportion (R's type 7, NumPy's `linear`).
  ///
  /// - Parameter share: from 0 to 1.
  func quantile(_ share: Double) -> Double {
    let place = Double(means.count - 1) * share
    let lower = Int(place)
    let upper = min(lower + 1, means.count - 1)
    return means[lower] + (means[upper] - means[lower]) * (place - Double(lower))
  }
}

import Layers
import Tensors

/// How the weights before the first step are drawn; biases and the like start at constants under every rule.
public enum Initializer: String, Sendable, CaseIterable {
  /// Uniform, of the variance that the activation behind the weights asks for.
  case auto
  /// Uniform from −1 to 1.
  case uniform
  /// Uniform or normal, of variance 2 / (fan-in + fan-out).
  case glorotUniform = "glorot-uniform"
  case glorotNormal = "glorot-normal"
  /// Uniform or normal, of variance 2 / ((1 + slope²) fan-in), where the slope is that of a leaky-relu behind the
  /// weights, otherwise 0.
  case heUniform = "he-uniform"
  case heNormal = "he-normal"
  /// A matrix [out, in · …] whose rows, or columns where there are fewer of them, are orthonormal.
  case orthogonal
  case zeros

  /// Start values of one parameter.
  ///
  /// Element i is a function of random number i (of two of them in a normal distribution), except for orthogonal
  /// matrices, whose elements depend on one another.
  ///
  /// - Parameters:
  ///   - count: how many elements.
  ///   - rows: how many rows they make.
  func values(
    count: Int, rows: Int, fanIn: Int, fanOut: Int, _ spread: VarianceScaling,
    _ numbers: RandomNumbers
  ) -> [Double] {
    func uniform(_ limit: Double) -> [Double] {
      (0..<count).map { limit * (2 * numbers.uniform(at: UInt64($0)) - 1) }
    }
    func normal(_ deviation: Double) -> [Double] {
      (0..<count).map { deviation * numbers.normal(at: UInt64($0)) }
    }
    var he = VarianceScaling.he()
    if case .he = spread { he = spread }
    switch self {
    case .auto: return uniform(spread.limit(fanIn: fanIn, fanOut: fanOut))
    case .uniform: return uniform(1)
    case .glorotUniform: return uniform(VarianceScaling.glorot.limit(fanIn: fanIn, fanOut: fanOut))
    case .glorotNormal:
      return normal(VarianceScaling.glorot.deviation(fanIn: fanIn, fanOut: fanOut))
    case .heUniform: return uniform(he.limit(fanIn: fanIn, fanOut: fanOut))
    case .heNormal: return normal(he.deviation(fanIn: fanIn, fanOut: fanOut))
    case .orthogonal: return orthonormalized(normal(1), rows: rows)
    case .zeros: return [Double](repeating: 0, count: count)
    }
  }
}

/// The rows of a matrix made orthonormal, or its columns where there are fewer of them.
///
/// Each vector loses its parts along those before it and is brought to length 1. That is the Q of the
/// decomposition QR with a positive diagonal of R: from normally distributed elements every orthogonal matrix is
/// equally likely. Taking the parts away twice keeps the vectors orthogonal to the last bits.
///
/// Sources: Saxe, McClelland, Ganguli 2014, Exact solutions to the nonlinear dynamics of learning in deep linear
/// neural networks, section 3; Mezzadri 2007, How to generate random matrices from the classical compact groups,
/// section 5; Giraud, Langou, Rozložník, van den Eshof 2005, Rounding error analysis of the classical
/// Gram-Schmidt orthogonalization process, section 4.
///
/// - Parameter matrix: row-major, of full rank.
func orthonormalized(_ matrix: [Double], rows: Int) -> [Double] {
  let columns = matrix.count / rows
  let isWide = rows <= columns
  let (vectors, length) = isWide ? (rows, columns) : (columns, rows)
  // Vector v stands at v * length.
  var result = isWide ? matrix : transposed(matrix, rows: rows)
  result.withUnsafeMutableBufferPointer { all in
    for v in 0..<vectors {
      let vector = all[v * length..<(v + 1) * length]
      for _ in 0..<2 {
        for earlier in 0..<v {
          let start = earlier * length
          var part = 0.0
          for i in 0..<length { part += all[start + i] * all[vector.startIndex + i] }
          for i in 0..<length { all[vector.startIndex + i] -= part * all[start + i] }
        }
      }
      let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for i in vector.indices { all[i] /= norm }
    }
  }
  return isWide ? result : transposed(result, rows: columns)
}

private func transposed(_ matrix: [Double], rows: Int) -> [Double] {
  let columns = matrix.count / rows
  return (0..<matrix.count).map { matrix[$0 % rows * columns + $0 / rows] }
}

import Tensors

/// How two tensors differ, for tests: nil when they agree.
///
/// The shapes are compared first, then the elements as Doubles, whatever the dtypes: found and expected
/// agree when |found − expected| ≤ absolute + relative · |expected|. NaN agrees with nothing.
///
/// - Returns: both shapes; or the element that is furthest outside the tolerance, with its index, both values
///   and the tolerance.
public func mismatch(
  _ found: Tensor, _ expected: Tensor, relative: Double = 0, absolute: Double = 0
) -> String? {
  if found.shape != expected.shape {
    return "found shape \(found.shape), expected \(expected.shape)"
  }
  var worst: (excess: Double, element: Int)?
  let (x, y) = (found.doubles(), expected.doubles())
  for element in x.indices {
    let distance = abs(x[element] - y[element])
    let allowed = absolute + relative * abs(y[element])
    if distance <= allowed { continue }
    let excess = distance.isNaN ? .infinity : distance - allowed
    if worst.map({ excess > $0.excess }) ?? true { worst = (excess, element) }
  }
  return worst.map { _, element in
    "at \(found.position(of: element)): found \(x[element]), expected \(y[element]) within "
      + "\(relative) relative, \(absolute) absolute"
  }
}

/// How two sets of named tensors differ: nil when they have the same names and every tensor agrees.
public func mismatch(
  _ found: [String: Tensor], _ expected: [String: Tensor], relative: Double = 0,
  absolute: Double = 0
) -> String? {
  if found.keys.sorted() != expected.keys.sorted() {
    return "found tensors \(found.keys.sorted()), expected \(expected.keys.sorted())"
  }
  for (name, tensor) in expected.sorted(by: { $0.key < $1.key }) {
    guard let other = found[name] else { continue }
    if let mismatch = mismatch(other, tensor, relative: relative, absolute: absolute) {
      return "'\(name)' \(mismatch)"
    }
  }
  return nil
}

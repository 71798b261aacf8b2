import Networks
import Safetensors
import Tensors

/// Whether a dataset is fit for a network to learn from, seen beside what it has learned and what it is judged by.
public struct DatasetCheck {
  private let network: Network
  private let dtype: DType
  private let limits: Limits
  private let memoryLimit: Int
  private var inputs = NumberRanges()
  private var targets = NumberRanges()
  private var classCounts = [Int: Int]()
  private var heldBack = Set<RowHash>()
  private var learned: Dataset?
  private var holdout: Dataset?

  /// - Parameters:
  ///   - dtype: that the network computes in: rows are compared as it sees them.
  ///   - memoryLimit: the most bytes that class ids may take, written out as rows of outputs.
  public init(_ network: Network, dtype: DType, _ limits: Limits, memoryLimit: Int = .max) {
    (self.network, self.dtype, self.limits) = (network, dtype, limits)
    self.memoryLimit = memoryLimit
  }

  /// Refuses a dataset whose targets would not fit into memory.
  ///
  /// - Throws: `NetworkError.tooMuchMemory`.
  public func checkMemory(of dataset: Dataset) throws {
    guard dataset.target?.dtype.isInteger == true else { return }
    try network.checkMemory(ofTargets: dataset.count, dtype, limit: memoryLimit)
  }

  // MARK: What it is seen beside

  /// Takes in what the network has learned already.
  ///
  /// - Throws: `NetworkError` or `LossError` when it does not fit the network.
  public mutating func addLearned(_ dataset: Dataset) throws {
    try checkMemory(of: dataset)
    inputs.add(try network.prepared(input: dataset.input, dtype: dtype).converted(to: dtype))
    if let target = dataset.target {
      let prepared = try network.prepared(target: target, examples: dataset.count, dtype: dtype)
      if target.dtype.isInteger {
        for id in target.doubles() { classCounts[Int(id), default: 0] += 1 }
      } else {
        targets.add(prepared)
      }
    }
    learned = learned ?? dataset
  }

  /// Takes in what no dataset may hold.
  ///
  /// - Throws: `NetworkError` when it does not fit the network.
  public mutating func addHoldout(_ dataset: Dataset) throws {
    heldBack.formUnion(
      RowHash.ofRows(try network.prepared(input: dataset.input, dtype: dtype).converted(to: dtype)))
    holdout = holdout ?? dataset
  }

  // MARK: The checks

  /// What each check finds, those that cannot be made without an earlier one's success left out.
  public func findings(on dataset: Dataset) -> [Finding] {
    var findings = [
      Finding("rows", found: "\(dataset.count)"), type(of: dataset), classNames(of: dataset),
    ]
    do {
      let input = try network.prepared(input: dataset.input, dtype: dtype).converted(to: dtype)
      findings.append(Finding("shape", found: "\(dataset.input.shape)"))
      findings += range(of: input) + spread(of: input) + repetitions(in: input)
    } catch let fault as any Fault {
      findings.append(Finding("shape", fault))
    } catch {
      preconditionFailure("an error that is no fault: \(error)")
    }
    return findings + judgement(on: dataset)
  }

  /// Datasets of one type and shape can be learned together, others not.
  private func type(of dataset: Dataset) -> Finding {
    func text(_ tensor: Tensor?) -> String {
      tensor.map { "\($0.dtype.rawValue) \($0.shape.perExample)" } ?? "none"
    }
    func both(_ dataset: Dataset) -> String {
      "input \(text(dataset.input)), target \(text(dataset.target))"
    }
    let found = both(dataset)
    guard let learned else { return Finding("type", found: found) }
    return Finding(
      "type", found: found, expected: both(learned), isRefused: found != both(learned))
  }

  private func classNames(of dataset: Dataset) -> Finding {
    func text(_ classes: String?) -> String {
      classes.map { printable($0.split(separator: "\n").joined(separator: ", ")) } ?? "none"
    }
    guard let other = learned ?? holdout else {
      return Finding("classes", found: text(dataset.outline.classes))
    }
    return Finding(
      "classes", found: text(dataset.outline.classes), expected: text(other.outline.classes),
      isRefused: dataset.outline.classes != other.outline.classes)
  }

  private func range(of input: Tensor) -> [Finding] {
    var findings = [Finding]()
    if let range = limits.range {
      let values = input.doubles()
      let expected = "\(decimal(range.lowerBound)) to \(decimal(range.upperBound))"
      if let element = values.firstIndex(where: { !range.contains($0) }) {
        findings.append(
          Finding(
            "range", found: "\(decimal(values[element])) in row \(input.position(of: element)[0])",
            expected: expected, isRefused: true))
      } else {
        let (least, most) = (values.min() ?? 0, values.max() ?? 0)
        findings.append(
          Finding("range", found: "\(decimal(least)) to \(decimal(most))", expected: expected))
      }
    }
    if learned != nil { findings.append(novelty(of: input, beside: inputs, "novelty")) }
    return findings
  }

  /// How many numbers are outside of what their column has held so far.
  ///
  /// Of numbers of one kind, a further one is outside the range of n others by chance, with a probability of 2 / (n + 1) on
  /// average and rarely thrice as much; so that is added to the limit. To the p that this gives comes 3 √(p / count), as the
  /// few numbers of a small dataset may all happen to be such.
  private func novelty(of examples: Tensor, beside known: NumberRanges, _ check: String)
    -> Finding
  {
    let (count, first) = known.outside(examples)
    let total = Double(examples.shape.count)
    let probability = limits.outside + 6 / Double(known.examples + 1)
    let allowed = min(1, probability + 3 * (probability / total).squareRoot())
    var found = "\(count) of \(examples.shape.count) numbers outside what was learned"
    if let first {
      found +=
        ", first \(decimal(first.value)) in row \(first.row) at \(first.column), where that is "
        + "\(decimal(first.range.lowerBound)) to \(decimal(first.range.upperBound))"
    }
    return Finding(
      check, found: found, expected: "at most a share of \(short(allowed))",
      isRefused: Double(count) / total > allowed)
  }

  /// Pictures of 0 to 1 where the others are of 0 to 255 are inside every range.
  private func spread(of input: Tensor) -> [Finding] {
    guard learned != nil else { return [] }
    var own = NumberRanges()
    own.add(input)
    let (found, expected) = (own.deviation, inputs.deviation)
    let isRefused =
      found > expected * limits.spread || found < expected / limits.spread
    return [
      Finding(
        "spread", found: "a standard deviation of \(decimal(found))",
        expected:
          "\(decimal(expected)) as learned, at most \(decimal(limits.spread)) times more or less",
        isRefused: isRefused)
    ]
  }

  private func repetitions(in input: Tensor) -> [Finding] {
    let hashes = RowHash.ofRows(input)
    var firstRows = [RowHash: Int]()
    var repeated: (row: Int, of: Int)?
    for (row, hash) in hashes.enumerated() {
      if let first = firstRows[hash] { repeated = repeated ?? (row, first) }
      firstRows[hash] = firstRows[hash] ?? row
    }
    let copies = hashes.count - firstRows.count
    var findings = [
      Finding(
        "duplicates",
        found: "\(copies) of \(hashes.count) rows"
          + (repeated.map { ", first row \($0.row) of row \($0.of)" } ?? ""),
        expected: "at most a share of \(decimal(limits.duplicates))",
        isRefused: Double(copies) / Double(hashes.count) > limits.duplicates)
    ]
    if holdout != nil {
      let leaked = hashes.indices.filter { heldBack.contains(hashes[$0]) }
      findings.append(
        Finding(
          "leakage",
          found: "\(leaked.count) of \(hashes.count) rows are in the holdout"
            + (leaked.first.map { ", first row \($0)" } ?? ""),
          expected: "at most a share of \(decimal(limits.leaked))",
          isRefused: Double(leaked.count) / Double(hashes.count) > limits.leaked))
    }
    return findings
  }

  // MARK: Targets

  private func judgement(on dataset: Dataset) -> [Finding] {
    guard let target = dataset.target else {
      return [Finding("target", found: "none", expected: "a target to learn", isRefused: true)]
    }
    do {
      let prepared = try network.prepared(target: target, examples: dataset.count, dtype: dtype)
      if target.dtype.isInteger { return [balance(of: target.doubles().map { Int($0) })] }
      return learned?.target == nil || learned?.target?.dtype.isInteger == true
        ? [] : [novelty(of: prepared, beside: targets, "target")]
    } catch let fault as any Fault {
      return [Finding("target", fault)]
    } catch {
      preconditionFailure("an error that is no fault: \(error)")
    }
  }

  /// How far the classes' shares are from those learned, or from equal ones: half the sum of their differences (total
  /// variation), 0 to 1. Few rows are far from any shares by chance, on average by at most ½ √((K − 1) / N), which is
  /// added to the limit. (The mean of |p̂ − p| is at most √(p(1 − p) / N), and the sum over K classes of these roots at
  /// most √((K − 1) / N), by Cauchy and Schwarz.)
  private func balance(of ids: [Int]) -> Finding {
    let classes = max(network.outputShape.count, 2)
    let learnedRows = classCounts.values.reduce(0, +)
    var counts = [Int](repeating: 0, count: classes)
    for id in ids { counts[id] += 1 }
    var distance = 0.0
    var worst = (id: 0, share: 0.0, usual: 0.0)
    for (id, count) in counts.enumerated() {
      let share = Double(count) / Double(ids.count)
      let usual =
        learnedRows == 0
        ? 1 / Double(classes) : Double(classCounts[id] ?? 0) / Double(learnedRows)
      distance += abs(share - usual) / 2
      if abs(share - usual) > abs(worst.share - worst.usual) { worst = (id, share, usual) }
    }
    let allowed = limits.balance + (Double(classes - 1) / Double(ids.count)).squareRoot() / 2
    return Finding(
      "balance",
      found: "classes off by \(short(distance)), most class \(worst.id) with a share of "
        + "\(short(worst.share)) instead of \(short(worst.usual))",
      expected: "at most \(short(allowed)) for \(ids.count) rows",
      isRefused: distance > allowed)
  }

  /// For sentences.
  private func short(_ value: Double) -> String { decimal((value * 1000).rounded() / 1000) }
}

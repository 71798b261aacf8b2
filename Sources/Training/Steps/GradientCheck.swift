import Compute
import Layers
import Networks
import Safetensors
import Tensors

/// Gradients as backpropagation finds them, against central differences, in F64 on a model and a batch of the user's.
public struct GradientCheck {
  /// What was found for one parameter tensor.
  public struct Finding: Sendable {
    public let parameter: String
    /// The elements that were moved.
    public let checked: Int
    /// Those at a kink, such as relu's at 0, where the derivative is one thing to the left and another to the right,
    /// and backpropagation's lies between.
    public let kinks: Int
    /// The one with the largest error; nil when all lie at kinks.
    public let worst: Element?
  }

  /// One element of a parameter, and its derivative found in two ways.
  public struct Element: Sendable {
    public let position: [Int]
    public let analytic: Double
    public let numerical: Double
    /// |analytic − numerical| / max(|analytic|, |numerical|, a thousandth of the tensor's largest derivative, what
    /// rounding leaves uncertain / tolerance).
    public let error: Double

    /// NaN is worse than any number.
    func isBetter(than other: Element) -> Bool { error < other.error || other.error.isNaN }
  }

  /// How far an element is moved, times its magnitude where that is above 1. The first is near the cube root of F64's
  /// precision, where the errors of truncation and of rounding meet. The smaller ones are tried where it fails: among the
  /// many activations of a large network one may have a kink between the element and its neighbours.
  static let steps = [1e-5, 1e-6, 1e-7, 1e-8]

  /// Differences that rounding leaves less certain than this say nothing.
  static let mostNoise = 1e-3

  private let network: Network
  private let parameters: [String: Tensor]
  private let input: Tensor
  private let target: Tensor
  private let context: Context
  private let tolerance: Double
  private let loss: Double
  /// Of the analytic gradients, after its forward pass.
  private let executor: Executor

  /// - Parameters:
  ///   - batch: a batch or a dataset with targets.
  ///   - tolerance: the relative error that is allowed.
  ///   - memoryLimit: the most bytes that the signals may take; see `Executor.admit`.
  /// - Throws: `TopologyError`, `NetworkError`, `DocumentError` where model and batch do not fit or the loss is not finite.
  public init(
    of model: Model, on batch: Document, _ mode: Mode, tolerance: Double, _ workers: ThreadPool,
    memoryLimit: Int = .max
  ) throws {
    let network = try Network(topology: model.topology)
    self.network = network
    try network.checkParameters(model.parameters)
    parameters = model.parameters.mapValues { $0.converted(to: .f64) }
    var executor = Executor(network, mode, .f64, keeping: .training, nil)
    let examples = try ExampleBatch(batch, for: network, dtype: .f64) {
      try executor.admit(
        $0, hasClassIDs: $1, goesBack: true, threads: workers.count, limit: memoryLimit)
    }
    guard let target = examples.target else {
      throw DocumentError.missingTensor(Role.target, kind: batch.kind)
    }
    if mode == .training { try network.checkTraining(on: examples.count) }
    (input, self.target) = (examples.input, target)
    context = try batch.context(mode, of: network, workers)
    self.tolerance = tolerance
    executor.use(parameters)
    executor.forward(input, target: target, context)
    try executor.losses.requireFinite(Role.loss)
    loss = executor.losses.doubles().reduce(0, +)
    self.executor = executor
  }

  /// How many tensors there are to check.
  public var count: Int { learned.count }

  private var learned: [Parameter] { network.parameters.filter(\.isLearned) }

  /// Checks every learned parameter.
  ///
  /// - Parameters:
  ///   - samples: how many elements of each tensor are moved, drawn by the seed; nil for all.
  ///   - report: is told each finding as it is made, in the topology's order.
  /// - Returns: the worst finding when its error is outside the tolerance; nil when all are within.
  /// - Throws: `NetworkError.noDerivative`; what `report` throws.
  public func run(
    samples: Int?, seed: UInt64, report: (Finding) throws -> Void
  ) throws -> Finding? {
    try network.checkDerivatives()
    var executor = executor
    executor.backward(target: target, context)
    let analytic = executor.namedGradients
    var answers = Executor(network, context.mode, .f64, keeping: .answers, nil)
    answers.use(parameters)
    var wrong: Finding?
    for parameter in learned {
      let numbers = RandomNumbers(seed: seed, purpose: "gradcheck.\(parameter.name)")
      let count = parameter.shape.count
      let elements = Array(numbers.permutation(of: count).prefix(samples ?? count)).sorted()
      let gradient = (analytic[parameter.name] ?? Tensor(zeros: parameter.shape, .f64)).doubles()
      let largest = gradient.reduce(0) { max($0, abs($1)) }
      let found = elements.map {
        check(
          parameter.name, $0, analytic: gradient[$0], floor: largest / 1000, by: &answers)
      }
      let finding = Finding(
        parameter: parameter.name, checked: elements.count, kinks: found.count { $0 == nil },
        worst: found.compactMap(\.self).max { $0.isBetter(than: $1) })
      if let worst = finding.worst, !(worst.error <= tolerance),
        wrong?.worst?.isBetter(than: worst) ?? true
      {
        wrong = finding
      }
      try report(finding)
    }
    return wrong
  }

  /// The two derivatives by one element; nil where there is a kink at it.
  ///
  /// - Parameter floor: errors are relative to a derivative of at least this size.
  private func check(
    _ name: String, _ index: Int, analytic: Double, floor: Double, by answers: inout Executor
  ) -> Element? {
    guard let parameter = parameters[name],
      let place = answers.parameterNames.firstIndex(of: name)
    else { preconditionFailure("no parameter '\(name)'") }
    defer { answers.parameters[place] = parameter }
    let values = parameter.doubles()
    func moved(by step: Double) -> Double {
      var moved = values
      moved[index] += step
      answers.parameters[place] = Tensor(moved, shape: parameter.shape)
      answers.forward(input, target: target, context)
      return answers.losses.doubles().reduce(0, +)
    }
    var first: Element?
    for step in Self.steps {
      let h = step * max(1, abs(values[index]))
      let (above, below) = (moved(by: h), moved(by: -h))
      let numerical = (above - below) / (2 * h)
      // A sum of losses carries a few units of its last place for each layer it came through.
      let noise = 64 * abs(loss).ulp / h
      let size = max(abs(analytic), abs(numerical), floor)
      if first != nil && noise > Self.mostNoise * size { break }
      let margin = max(tolerance * size, noise)
      let element = Element(
        position: parameter.position(of: index), analytic: analytic, numerical: numerical,
        error: abs(analytic - numerical) * tolerance / margin)
      if abs(analytic - numerical) <= margin { return element }
      let (left, right) = ((loss - below) / h, (above - loss) / h)
      let isBetween = min(left, right) - margin <= analytic && analytic <= max(left, right) + margin
      if isBetween && abs(right - left) > margin { return nil }
      first = first ?? element
    }
    return first
  }
}

import Kernels
import Products
import Tensors

/// A layer that reads its input step by step and carries a state from each step to the next.
///
/// `WORD UNITS [reverse] [return=last|all]`. The input of one example is [T, F], T steps of F features; a
/// picture [C, H, W] is a sequence of its H rows, C·W features each, a row's channels side by side. The output
/// is the state after the last step read, [U]; with `return=all` every step's, [T, U]. With `reverse` the
/// steps are read from the last to the first, and step t's state still stands at t.
///
/// G blocks of U rows, one per gate, make up weight_ih [G·U, F] and bias_ih [G·U], which act on the step's
/// features, and weight_hh [G·U, U] and bias_hh [G·U], which act on the state of the step before; before the
/// first step the state is 0. Names, order of the blocks and arithmetic are those of PyTorch's modules of one layer.
///
/// At the start every block of weight_hh is spread as U outputs of U inputs, so that a product with it keeps
/// the state's length on the average, every block of weight_ih as U outputs of F inputs. (PyTorch spreads all
/// four parameters within ±1/√U.) Biases are 0 unless the layer says otherwise.
protocol RecurrentLayer: Layer {
  /// The word that begins its line.
  static var word: String { get }

  associatedtype Step: RecurrentStep

  var form: SequenceForm { get }
  init(form: SequenceForm)

  /// How `bias_ih` is at the start.
  static var biasStart: Parameter.Start { get }
}

/// The arithmetic of one step of one example.
protocol RecurrentStep {
  /// The blocks of U rows in the weights.
  static var gates: Int { get }

  /// The names of what a step keeps, U numbers each; the last is the state.
  static var kept: [String] { get }

  /// Whether what the features contribute to the gates and what the state does have different gradients.
  static var separatesContributions: Bool { get }

  /// Fills what the step keeps.
  ///
  /// - Parameters:
  ///   - input: weight_ih · features + bias_ih, [G·U].
  ///   - recurrent: weight_hh · state before + bias_hh, [G·U].
  static func forward<R: GateReal>(
    _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>)

  /// Undoes `forward`.
  ///
  /// - Parameters:
  ///   - state: ∂loss/∂state; becomes its part that reaches the state before without `recurrent`.
  ///   - memory: as `state`, of a second state that a layer may have; 0 behind the last step.
  ///   - input: takes ∂loss/∂input.
  ///   - recurrent: takes ∂loss/∂recurrent; the same memory as `input` unless `separatesContributions`.
  static func backward<R: GateReal>(
    _ place: StepPlace<R>, state: UnsafeMutablePointer<R>, memory: UnsafeMutablePointer<R>,
    input: UnsafeMutablePointer<R>, recurrent: UnsafeMutablePointer<R>)
}

/// Where a step of an example finds what it keeps.
struct StepPlace<R: Real> {
  let units: Int
  /// By the order of `RecurrentStep.kept`, each [N, T, U].
  let kept: [UnsafeMutablePointer<R>]
  /// Where in each of them the step's numbers start.
  let start: Int
  /// The same for the step before; nil for the first.
  let startBefore: Int?
  /// U zeros.
  let zeros: UnsafePointer<R>

  subscript(index: Int) -> UnsafeMutablePointer<R> { kept[index] + start }

  /// What the step before kept; 0 before the first.
  func before(_ index: Int) -> UnsafePointer<R> {
    startBefore.map { UnsafePointer(kept[index] + $0) } ?? zeros
  }
}

/// What a recurrent layer's line and input say.
struct SequenceForm: Sendable {
  /// Of a picture.
  let channels: Int
  let steps: Int
  /// Per step.
  let features: Int
  let units: Int
  let returnsAll: Bool
  let isReverse: Bool

  init(_ words: inout LayerWords, word: String, input: Shape, gates: Int) throws {
    units = try words.count("the number of units")
    returnsAll =
      try words.choice("return", among: ["last", "all"], otherwise: "last") == "all"
    isReverse = words.word(if: { $0 == "reverse" }) != nil
    switch input.rank {
    case 2: (channels, steps, features) = (1, input[0], input[1])
    case 3: (channels, steps, features) = (input[0], input[1], input[0] * input[2])
    default:
      throw words.objection(
        "'\(word)' with an input of shape \(input), expected [steps, features] or a picture "
          + "[channels, height, width]")
    }
    try words.check(elements: [gates * units, features], of: "weight_ih")
    try words.check(elements: [gates * units, units], of: "weight_hh")
    try words.check(elements: [steps, gates * units], of: "the gates of all steps")
  }

  /// The steps in the order in which they are read.
  func step(_ number: Int) -> Int { isReverse ? steps - 1 - number : number }
}

extension RecurrentLayer {
  static var biasStart: Parameter.Start { .constant(0) }

  public init(_ words: inout LayerWords, input: Shape) throws {
    self.init(
      form: try SequenceForm(&words, word: Self.word, input: input, gates: Step.gates))
  }

  public var output: Shape { form.returnsAll ? [form.steps, form.units] : [form.units] }

  public var parameters: [Parameter] {
    let (rows, units) = (Step.gates * form.units, form.units)
    return [
      Parameter(
        "weight_ih", [rows, form.features], .spread(fanIn: form.features, fanOut: units)),
      Parameter("weight_hh", [rows, units], .spread(fanIn: units, fanOut: units)),
      Parameter("bias_ih", [rows], Self.biasStart),
      Parameter("bias_hh", [rows], .constant(0)),
    ]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true, parameters: wantsInputGradient ? [0, 1] : [1])
  }

  public func saved(_ mode: Mode) -> [SavedTensor] {
    Step.kept.map { SavedTensor($0, [form.steps, form.units], isPerExample: true) }
  }

  public func forward(_ call: ForwardCall) {
    let recurrence = Recurrence<Step>(form: form, workers: call.context.workers)
    let kept = recurrence.forward(sequence(call.input), named(call.parameters))
    let states = kept[kept.count - 1]
    let last = form.step(form.steps - 1) * form.units
    call.output = form.returnsAll ? states : states.partOfRows(last..<last + form.units)
    for index in 0..<call.saved.count { call.saved[index] = kept[index] }
  }

  private func named(_ list: TensorList) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: parameters.enumerated().map { ($0.element.name, list[$0.offset]) })
  }

  /// Backpropagation through time. Source: Werbos 1990, Backpropagation through time: what it does and how to
  /// do it.
  public func backward(_ call: BackwardCall) {
    let recurrence = Recurrence<Step>(form: form, workers: call.context.workers)
    let gradient = recurrence.backward(
      delta: call.outputGradient, input: sequence(call.input),
      kept: Step.kept.indices.map { call.saved[$0] }, named(call.parameters),
      wantsInputGradient: call.wantsInputGradient)
    for (index, parameter) in parameters.enumerated() {
      call.parameterGradients[index] = gradient.parameters.named(parameter.name)
    }
    if let input = gradient.input {
      call.inputGradient = picture(input).reshaped(call.input.shape)
    }
  }

  /// [N, T, F] of the batch that reaches the layer.
  private func sequence(_ input: Tensor) -> Tensor {
    let width = form.features / form.channels
    return input.reshaped([input.shape[0], form.channels, form.steps, width])
      .exchangingMiddleAxes().reshaped([input.shape[0], form.steps, form.features])
  }

  /// Undoes `sequence`.
  private func picture(_ sequence: Tensor) -> Tensor {
    let width = form.features / form.channels
    return sequence.reshaped([sequence.shape[0], form.steps, form.channels, width])
      .exchangingMiddleAxes()
  }
}

extension Tensor {
  /// [N, A, B, W] → [N, B, A, W]
  fileprivate func exchangingMiddleAxes() -> Tensor {
    let (examples, outer, inner) = (shape[0], shape[1], shape[2])
    if outer == 1 || inner == 1 { return reshaped([examples, inner, outer, shape[3]]) }
    let rows = reshaped([examples * outer * inner, shape[3]])
    let order = (0..<examples).lazy.flatMap { example in
      (0..<inner).lazy.flatMap { row in
        (0..<outer).lazy.map { (example * outer + $0) * inner + row }
      }
    }
    return rows.gathered(Array(order)).reshaped([examples, inner, outer, shape[3]])
  }
}

extension [String: Tensor] {
  func named(_ name: String) -> Tensor {
    guard let tensor = self[name] else { preconditionFailure("no parameter '\(name)'") }
    return tensor
  }
}

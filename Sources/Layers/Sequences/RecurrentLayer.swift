import Compute
import Tensors

/// A layer that reads its input step by step and carries a state from each step to the next.
///
/// `WORD UNITS [reverse] [return=last|all]`. The input of one example is [T, F], T steps of F
/// features; a picture [C, H, W] is a sequence of its H rows, C·W features each, a row's channels
/// side by side. The output is the state after the last step read, [U]; with `return=all` every
/// step's, [T, U]. With `reverse` the steps are read from the last to the first, and step t's state
/// still stands at t.
///
/// G blocks of U rows, one per gate, make up weight_ih [G·U, F] and bias_ih [G·U], which act on the
/// step's features, and weight_hh [G·U, U] and bias_hh [G·U], which act on the state of the step
/// before; before the first step the state is 0. Names, order of the blocks and arithmetic are
/// those of PyTorch's modules of one layer.
///
/// At the start every block of weight_hh is spread as U outputs of U inputs, so that a product with
/// it keeps the state's length on the average, every block of weight_ih as U outputs of F inputs.
/// (PyTorch spreads all four parameters within ±1/√U.) Biases are 0 unless the layer says
/// otherwise.
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

  /// The names of what a step saves for the backward pass, U numbers each; the last is the state.
  static var saved: [String] { get }

  /// Whether what the features contribute to the gates and what the state does have different
  /// gradients.
  static var separatesContributions: Bool { get }

  /// Fills what the step saves, of which the step before may lie in the same memory.
  ///
  /// - Parameters:
  ///   - input: weight_ih · features + bias_ih, [G·U]; unless `separatesContributions`, `recurrent`
  ///     is added to it.
  ///   - recurrent: weight_hh · state before + bias_hh, [G·U]; not read unless
  ///     `separatesContributions`.
  static func forward<R: VectorReal>(
    _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>)

  /// Undoes `forward`.
  ///
  /// - Parameters:
  ///   - gradient: ∂loss/∂state; becomes its part that reaches the state before without
  ///     `recurrent`.
  ///   - memory: as `gradient`, of a second state that a layer may have; 0 after the last step.
  ///   - input: takes ∂loss/∂input.
  ///   - recurrent: takes ∂loss/∂recurrent; the same memory as `input` unless
  ///     `separatesContributions`.
  static func backward<R: VectorReal>(
    _ place: StepPlace<R>, state gradient: UnsafeMutablePointer<R>,
    memory: UnsafeMutablePointer<R>, input: UnsafeMutablePointer<R>,
    recurrent: UnsafeMutablePointer<R>)
}

/// Where a step of an example finds what it saves.
struct StepPlace<R: Real> {
  let units: Int
  /// By the order of `RecurrentStep.saved`.
  let signals: [UnsafeMutablePointer<R>]
  /// Where in each of them the step's numbers start.
  let start: Int
  /// The same for the step before; nil for the first.
  let startBefore: Int?
  /// U zeros.
  let zeros: UnsafePointer<R>

  subscript(index: Int) -> UnsafeMutablePointer<R> { signals[index] + start }

  /// What the step before saved; 0 before the first.
  func before(_ index: Int) -> UnsafePointer<R> {
    startBefore.map { UnsafePointer(signals[index] + $0) } ?? zeros
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

  var output: Shape { returnsAll ? [steps, units] : [units] }

  /// The shapes of weight_ih, weight_hh, bias_ih, bias_hh.
  func parameterShapes(gates: Int) -> [Shape] {
    let rows = gates * units
    return [[rows, features], [rows, units], [rows], [rows]]
  }

  /// Copies the features of examples, [n, T, F] or [n, C, H, W], to rows by step in the order of
  /// reading: [T, n, F].
  func gather<R>(
    _ input: UnsafePointer<R>, _ examples: Range<Int>, into rows: UnsafeMutablePointer<R>
  ) {
    forEachRun(examples) { (rows + $0).update(from: input + $1, count: $2) }
  }

  /// Undoes `gather`.
  func scatter<R>(
    _ rows: UnsafePointer<R>, _ examples: Range<Int>, into input: UnsafeMutablePointer<R>
  ) {
    forEachRun(examples) { (input + $1).update(from: rows + $0, count: $2) }
  }

  /// Calls `body` for every run of numbers that lie side by side in both: where it starts among the
  /// rows and in the input, and how long it is.
  private func forEachRun(_ examples: Range<Int>, _ body: (Int, Int, Int) -> Void) {
    let count = features / channels
    var row = 0
    for number in 0..<steps {
      for example in examples {
        for channel in 0..<channels {
          body(row, ((example * channels + channel) * steps + step(number)) * count, count)
          row += count
        }
      }
    }
  }
}

extension RecurrentLayer {
  static var biasStart: Parameter.Start { .constant(0) }

  public init(_ words: inout LayerWords, input: Shape) throws {
    self.init(
      form: try SequenceForm(&words, word: Self.word, input: input, gates: Step.gates))
  }

  public var output: Shape { form.output }

  public var parameters: [Parameter] {
    let shapes = form.parameterShapes(gates: Step.gates)
    let (features, units) = (form.features, form.units)
    return [
      Parameter("weight_ih", shapes[0], .spread(fanIn: features, fanOut: units)),
      Parameter("weight_hh", shapes[1], .spread(fanIn: units, fanOut: units)),
      Parameter("bias_ih", shapes[2], Self.biasStart),
      Parameter("bias_hh", shapes[3], .constant(0)),
    ]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true, parameters: wantsInputGradient ? [0, 1] : [1])
  }

  public func saved(_ mode: Mode) -> [SavedTensor] {
    Step.saved.map { SavedTensor($0, [form.steps, form.units], isPerExample: true) }
  }

  public func scratchBytes(examples: Int, _ dtype: DType, threads: Int) -> Double {
    Recurrence<Step>.scratchBytes(form, examples: examples, dtype, threads: threads)
  }

  public func forward(_ call: ForwardCall) {
    var saved = call.saved.taken()
    Recurrence<Step>(form: form, workers: call.context.workers).forward(
      call.input, call.parameters.all, saved: &saved, output: &call.output)
    call.saved.put(saved)
  }

  /// Backpropagation through time. Source: Werbos 1990, Backpropagation through time: what it does
  /// and how to do it.
  public func backward(_ call: BackwardCall) {
    var gradients = call.parameterGradients.taken()
    var inputGradient = Tensor(uninitialized: [0], call.input.dtype)
    if call.wantsInputGradient { swap(&inputGradient, &call.inputGradient) }
    Recurrence<Step>(form: form, workers: call.context.workers).backward(
      call.outputGradient, call.input, call.parameters.all, saved: call.saved.all,
      into: &gradients, &inputGradient, wantsInputGradient: call.wantsInputGradient)
    call.parameterGradients.put(gradients)
    if call.wantsInputGradient { call.inputGradient = inputGradient }
  }
}

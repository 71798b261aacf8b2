import Compute
import Tensors

/// A vector for every id: `embedding V D` turns ids from 0 to V − 1 into vectors of D numbers.
///
/// It stands first: the network's input is its ids, integers of any type, in any shape S; the output is S + [D].
/// weight [V, D], row v being the vector of id v. At the start its numbers have variance 1 / D, so that a vector's
/// length is 1 on the average.
///
/// Source: Bengio, Ducharme, Vincent, Jauvin 2003, A neural probabilistic language model, section 2; PyTorch's
/// `nn.Embedding`.
public struct Embedding: Layer {
  public let output: Shape
  private let count: Int
  private let width: Int

  public init(_ words: inout LayerWords, input: LayerInput) throws {
    count = try words.count("the number of ids")
    width = try words.count("the numbers of a vector")
    try words.check(elements: [count, width], of: "weight")
    try words.check(elements: input.shape.dimensions + [width], of: "output")
    guard input.isNetworkInput else {
      throw words.objection(
        "'embedding' of '\(input.name)', expected the network's input: ids pass through no layer")
    }
    output = Shape(input.shape.dimensions + [width])
  }

  public var parameters: [Parameter] {
    [Parameter("weight", [count, width], .spread(fanIn: width, fanOut: width))]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true)
  }

  public func accepts(_ dtype: DType) -> Bool { dtype.isInteger }

  public func check(input: Tensor) throws {
    guard input.dtype.isInteger else { throw LayerError.notIntegers(found: input.dtype) }
    let width = max(1, input.shape.perExample.count)
    // Exact for every id that is allowed; others are outside in Double too.
    for (index, id) in input.doubles().enumerated() where !(id >= 0 && id < Double(count)) {
      var position = Array(input.position(of: index).dropFirst())
      if width == 1 { position = [] }
      throw LayerError.idOutOfRange(
        id: decimal(id), row: index / width, position: position, count: count)
    }
  }

  /// output[…, d] = weight[id, d]
  public func forward(_ call: ForwardCall) {
    let ids = ids(call.input)
    let shape = output.batched(call.input.shape[0])
    call.output.become(uninitialized: shape, call.parameters[0].dtype)
    switch call.output.dtype {
    case .f64: gather(ids, call, of: Double.self)
    default: gather(ids, call, of: Float.self)
    }
  }

  private func gather<R: Real>(_ ids: [Int], _ call: ForwardCall, of type: R.Type) {
    let width = width
    call.parameters[0].withValues(of: type) { weight in
      call.output.withMutableValues(of: type) { output in
        guard let weight = weight.baseAddress, let output = output.baseAddress else { return }
        call.context.workers.run(cutting: ids.count, into: max(1, 4096 / width)) { chunk in
          for index in chunk {
            (output + index * width).update(from: weight + ids[index] * width, count: width)
          }
        }
      }
    }
  }

  /// ∂weight[v] = Σ delta over the places of id v, added in their order
  public func backward(_ call: BackwardCall) {
    let ids = ids(call.input)
    call.parameterGradients[0].become(uninitialized: [count, width], call.outputGradient.dtype)
    switch call.outputGradient.dtype {
    case .f64: scatter(ids, call, of: Double.self)
    default: scatter(ids, call, of: Float.self)
    }
  }

  /// A chunk has some of the columns, so that no two threads add to one number.
  private func scatter<R: Real>(_ ids: [Int], _ call: BackwardCall, of type: R.Type) {
    let (width, count) = (width, count)
    call.outputGradient.withValues(of: type) { delta in
      call.parameterGradients[0].withMutableValues(of: type) { gradient in
        guard let delta = delta.baseAddress, let gradient = gradient.baseAddress else { return }
        call.context.workers.run(cutting: width, into: 32) { columns in
          for row in 0..<count {
            (gradient + row * width + columns.lowerBound).update(repeating: 0, count: columns.count)
          }
          for (place, id) in ids.enumerated() {
            for column in columns { gradient[id * width + column] += delta[place * width + column] }
          }
        }
      }
    }
  }

  private func ids(_ input: Tensor) -> [Int] { input.doubles().map { Int($0) } }
}

import Tensors

/// Tensors in an executor's memory, in the order in which a layer knows them.
///
/// A view without memory of its own: it is valid during the call that it is an argument of.
public struct TensorList {
  @usableFromInline let base: UnsafeMutablePointer<Tensor>
  @usableFromInline let places: [Int]

  /// - Parameters:
  ///   - base: the first of the executor's tensors.
  ///   - places: where each tensor of the list lies behind `base`.
  @inlinable
  public init(_ base: UnsafeMutablePointer<Tensor>, _ places: [Int]) {
    (self.base, self.places) = (base, places)
  }

  @inlinable public var count: Int { places.count }

  @inlinable public subscript(index: Int) -> Tensor {
    _read { yield base[places[index]] }
    nonmutating _modify { yield &base[places[index]] }
  }
}

extension TensorList {
  /// The tensors as an array.
  var all: [Tensor] { (0..<count).map { self[$0] } }

  /// Takes the tensors out, so that the array alone owns their memory, until `put` brings them back.
  func taken() -> [Tensor] {
    (0..<count).map { index in
      var tensor = Tensor(uninitialized: [0], self[index].dtype)
      swap(&tensor, &self[index])
      return tensor
    }
  }

  /// Puts tensors where others were taken out.
  func put(_ tensors: [Tensor]) {
    for (index, tensor) in tensors.enumerated() { self[index] = tensor }
  }
}

/// One call of `Layer.forward`: what it reads, and what it writes.
public struct ForwardCall {
  /// [N, …] each, with as many elements per example as the layer expects.
  public let inputs: TensorList

  /// In the order of `Layer.parameters`.
  public let parameters: TensorList

  /// To be written: the results, [N] + `Layer.outputs`, where possible into the memory that they have.
  public let outputs: TensorList

  /// To be written: what backward reads again, in the order of `Layer.saved`; empty where no backward pass follows.
  public let saved: TensorList

  public let context: Context

  public init(
    inputs: TensorList, parameters: TensorList, outputs: TensorList, saved: TensorList,
    _ context: Context
  ) {
    (self.inputs, self.parameters, self.outputs) = (inputs, parameters, outputs)
    (self.saved, self.context) = (saved, context)
  }

  /// Whether a backward pass will read what is saved.
  @inlinable public var isSaving: Bool { saved.count > 0 }

  /// The only input of a layer that has one.
  @inlinable public var input: Tensor { _read { yield inputs[0] } }

  /// The only output of a layer that has one.
  @inlinable public var output: Tensor {
    _read { yield outputs[0] }
    nonmutating _modify { yield &outputs[0] }
  }
}

/// One call of `Layer.backward`: what it reads, and what it writes.
public struct BackwardCall {
  /// ∂loss/∂output of every output, [N] + `Layer.outputs`.
  public let outputGradients: TensorList

  /// What forward was given. Only the shapes are to be relied on, unless `BackwardReads` asks for the elements.
  public let inputs: TensorList

  /// In the order of `Layer.parameters`; only those that `BackwardReads` names hold values.
  public let parameters: TensorList

  /// What forward saved.
  public let saved: TensorList

  /// To be written: ∂loss/∂parameter, summed over the examples; for a running statistic the sum over the examples of
  /// momentum · (statistic − what the batch showed).
  public let parameterGradients: TensorList

  /// To be written where `wanted`: ∂loss/∂input in the input's shape.
  public let inputGradients: TensorList

  /// For every input whether its gradient is asked for.
  public let wanted: [Bool]

  public let context: Context

  public init(
    outputGradients: TensorList, inputs: TensorList, parameters: TensorList, saved: TensorList,
    parameterGradients: TensorList, inputGradients: TensorList, wanted: [Bool], _ context: Context
  ) {
    (self.outputGradients, self.inputs) = (outputGradients, inputs)
    (self.parameters, self.saved) = (parameters, saved)
    (self.parameterGradients, self.inputGradients) = (parameterGradients, inputGradients)
    (self.wanted, self.context) = (wanted, context)
  }

  /// The only input of a layer that has one.
  @inlinable public var input: Tensor { _read { yield inputs[0] } }

  /// ∂loss/∂output of the only output.
  @inlinable public var outputGradient: Tensor { _read { yield outputGradients[0] } }

  /// Whether the gradient of the only input is asked for.
  public var wantsInputGradient: Bool { wanted[0] }

  /// ∂loss/∂input of the only input.
  @inlinable public var inputGradient: Tensor {
    _read { yield inputGradients[0] }
    nonmutating _modify { yield &inputGradients[0] }
  }
}

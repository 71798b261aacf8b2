import Tensors

/// A word that may begin a topology line, and how its layer is made.
public struct LayerKind: Sendable {
  /// The word that begins its line; with a running number, also the layer's name.
  public let word: String

  /// Whether its line names further inputs after the word: `add NAME…`.
  public let joinsOthers: Bool

  /// Makes the layer. It takes those words of the line that it knows.
  ///
  /// Parameters: the line's words after the first; the layer's inputs, of which there is one unless it joins others.
  /// Throws `TopologyError`.
  public let make: @Sendable (inout LayerWords, [LayerInput]) throws -> any Layer

  /// A layer of one input.
  init<L: Layer>(
    _ word: String, _ make: @escaping @Sendable (inout LayerWords, Shape) throws -> L
  ) {
    (self.word, joinsOthers) = (word, false)
    self.make = { words, inputs in
      precondition(inputs.count == 1, "\(inputs.count) inputs of a layer that takes one")
      return try make(&words, inputs[0].shape)
    }
  }

  /// A layer of one input that asks where it comes from.
  init<L: Layer>(
    reading word: String, _ make: @escaping @Sendable (inout LayerWords, LayerInput) throws -> L
  ) {
    (self.word, joinsOthers) = (word, false)
    self.make = { words, inputs in try make(&words, inputs[0]) }
  }

  /// A layer of several inputs.
  init<L: Layer>(
    joining word: String, _ make: @escaping @Sendable (inout LayerWords, [LayerInput]) throws -> L
  ) {
    (self.word, joinsOthers, self.make) = (word, true, make)
  }
}

/// Every kind of layer that a topology may name.
public let layerKinds: [LayerKind] = [
  LayerKind(joining: "add", Add.init),
  LayerKind("avgpool", AvgPool.init),
  LayerKind("batchnorm", BatchNorm.init),
  LayerKind(joining: "concat", Concat.init),
  LayerKind("conv", Conv.init),
  LayerKind("dense", Dense.init),
  LayerKind("dropout", Dropout.init),
  LayerKind(reading: "embedding", Embedding.init),
  LayerKind("global-avgpool", GlobalAvgPool.init),
  LayerKind("gru", GRU.init),
  LayerKind("layernorm", LayerNorm.init),
  LayerKind("lstm", LSTM.init),
  LayerKind("maxpool", MaxPool.init),
  LayerKind("normalize", Normalize.init),
  LayerKind("reshape", Reshape.init),
  LayerKind("rnn", RNN.init),
  LayerKind("scale", Scale.init),
]

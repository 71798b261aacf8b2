import ArgumentParser
import Compute
import Layers
import Networks
import Safetensors
import Tensors
import ToolSupport
import Training

@main
struct Init: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-init",
    abstract: "Make a model that has learned nothing yet: draw its start weights.",
    discussion: """
      Reads a topology file, plain text with one layer a line, and writes a model document.
      Weights are drawn at random, for equal ones would learn the same; biases start at 0. The same seed draws \
      the same weights. Signals should neither fade nor swell from layer to layer, so by the rule auto weights \
      are uniform within ±√(6/(in+out)) after Glorot and Bengio 2010; before \(halvingActivations), \
      which let about half of a signal pass, within ±√(6/in) after He et al. 2015, before a leaky-relu \
      ±√(6/((1+slope²) in)), before selu ±√(3/in). Other initializers: uniform, within ±1; glorot-uniform and \
      he-uniform, whatever the activation; glorot-normal and he-normal, of the same variance; orthogonal, \
      rows or columns at right angles and of length 1 (Saxe et al. 2014); zeros, from which only a \
      network of one layer learns.

        nn-init pipelines/nets/digits.net --seed 1 -o model.safetensors.gz
        nn-init pipelines/nets/digits.net --initializer he-normal | nn-inspect

      Exit: 0 done, 64 usage, 65 bad topology or weights, 66 file missing, 71 no memory, \
      73/74 output, 75 output taken, 80 NaN or infinity in given weights, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("The topology; - for standard input.", valueName: "topology"))
  var topology: String

  @OptionGroup var seed: SeedOptions

  @Option(help: "The type to compute in: \(Precision.allValueStrings.joined(separator: " or ")).")
  var dtype = Precision.f32

  @Option(help: ArgumentHelp("How weights are drawn (default: auto).", valueName: "word"))
  var initializer: Initializer?

  @Option(
    help: ArgumentHelp(
      "Take the weights from this document, by name, instead of drawing them.", valueName: "file"))
  var weights: String?

  @Option(
    help: ArgumentHelp(
      "Fill in the means and deviations that 'normalize' lines lack, from this dataset.",
      valueName: "dataset"))
  var fit: String?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if initializer != nil && weights != nil {
      throw ValidationError("--initializer and --weights exclude each other")
    }
  }

  func run() throws {
    let output = try output.open()
    let topology = try BytesInput(topology, as: "the topology")
    let text = try fitted(topology.text(limit: Network.mostTopologyBytes), of: topology)
    let network = try locating(topology.name) {
      let network = try Network(topology: text)
      let elements = network.parameters.reduce(0) { $0 + $1.shape.count }
      try checkParameters(byteCount: elements * dtype.dtype.bitWidth / 8)
      return network
    }
    try output.write(model(of: network).document())
    try output.finish()
  }

  /// The topology with the constants of its `normalize` lines. Data that does not fit is the dataset's fault.
  private func fitted(_ text: String, of topology: BytesInput) throws -> String {
    guard let fit else { return text }
    let input = try openInput(fit, as: "--fit")
    let document = try input.one()
    let dataset = try input.locating { try Dataset(document) }
    return try locating(topology.name) {
      do {
        return try NormalizationFit(ThreadPool(count: 1), memoryLimit: documentLimit()).filled(
          text, with: dataset.input)
      } catch let fault as NetworkError {
        return try input.locating { throw fault }
      }
    }
  }

  private func model(of network: Network) throws -> Model {
    guard let weights else {
      return try startModel(
        of: network, seed: seed.seed, dtype: dtype.dtype, .drawn(initializer ?? .auto))
    }
    let digest = Digest()
    let input = try openInput(weights, as: "--weights", digest: digest)
    let document = try input.one()
    return try input.locating {
      try startModel(
        of: network, seed: seed.seed, dtype: dtype.dtype, .given(document, digest: digest.hex))
    }
  }
}

// The words of --initializer.
extension Initializer: OptionValue {}

/// The types that networks compute in.
enum Precision: String, OptionValue, CaseIterable {
  case f32, f64

  var dtype: DType { self == .f32 ? .f32 : .f64 }
}

/// The activations that let about half of a signal pass.
private let halvingActivations = activations.filter { $0.spread == .he() }.map(\.word)
  .joined(separator: ", ")

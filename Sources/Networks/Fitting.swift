import Compute
import Layers
import Tensors

/// The constants of `normalize` lines, found from data.
public struct NormalizationFit {
  private let workers: ThreadPool
  private let memoryLimit: Int

  /// Examples whose signals are in memory together.
  private static let chunk = 256

  /// - Parameter memoryLimit: the most bytes that the signals of some examples may take; see `Executor.admit`.
  public init(_ workers: ThreadPool, memoryLimit: Int = .max) {
    (self.workers, self.memoryLimit) = (workers, memoryLimit)
  }

  /// The topology with the gaps in its `normalize` lines filled in: for every channel the mean and the standard deviation
  /// (√ of the mean square distance) of what reaches the line over all examples, computed in F64 and written as F32
  /// reads it.
  ///
  /// - Parameter input: [N, …], as the network takes it.
  /// - Throws: `TopologyError` for a topology that is wrong, for a gap behind layers with parameters, and for a channel
  ///   that never changes; `NetworkError` for an input that does not fit or signals that are
  ///   too large.
  public func filled(_ topology: String, with input: Tensor) throws -> String {
    var text = topology
    while true {
      let network = try Network(topology: text, allowingGaps: true)
      guard let index = network.nodes.firstIndex(where: \.isGap) else { return text }
      let found = try statistics(of: network, at: index, input)
      let node = network.nodes[index]
      var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      let line = lines[node.place.line - 1]
      let end = line.index(
        line.startIndex, offsetBy: node.place.column - 1 + node.place.text.unicodeScalars.count)
      lines[node.place.line - 1] =
        line[..<end] + " mean=\(list(found.mean)) std=\(list(found.deviation))" + line[end...]
      text = lines.joined(separator: "\n")
    }
  }

  private func list(_ numbers: [Double]) -> String {
    numbers.map { decimal(Float($0)) }.joined(separator: ",")
  }

  private func statistics(
    of network: Network, at index: Int, _ input: Tensor
  ) throws -> (mean: [Double], deviation: [Double]) {
    let node = network.nodes[index]
    if network.ancestors(of: index).contains(where: { !network.nodes[$0].layer.parameters.isEmpty })
    {
      throw TopologyError.pairing(
        node.place,
        reason: "what reaches this 'normalize' depends on parameters: 'batchnorm' is for that")
    }
    let input = try network.prepared(input: input, dtype: .f64)
    var executor = Executor(network, only: network.ancestors(of: index), .f64)
    try executor.admit(
      min(Self.chunk, input.shape[0]), hasClassIDs: false, goesBack: false, threads: workers.count,
      limit: memoryLimit)
    let channels = node.output[0]
    var count = 0.0
    var mean = [Double](repeating: 0, count: channels)
    var squares = mean
    for start in stride(from: 0, to: input.shape[0], by: Self.chunk) {
      let rows = start..<min(start + Self.chunk, input.shape[0])
      executor.forward(input.rows(rows), target: nil, Context(.inference, workers))
      let signal = node.sources[0] == nil ? input.rows(rows) : executor.output
      let found = signal.reshaped(
        [rows.count, channels, node.output.perExample.count]
      ).channelStatistics(workers)
      let added = Double(rows.count * node.output.perExample.count)
      let (partMean, partVariance) = (found.mean.doubles(), found.variance.doubles())
      // Chan, Golub, LeVeque 1983: the moments of two parts joined.
      for channel in 0..<channels {
        let distance = partMean[channel] - mean[channel]
        squares[channel] +=
          partVariance[channel] * added + distance * distance * count * added / (count + added)
        mean[channel] += distance * added / (count + added)
      }
      count += added
    }
    let deviation = squares.map { ($0 / count).squareRoot() }
    if let channel = deviation.firstIndex(where: { !Float($0).isNormal }) {
      throw TopologyError.pairing(
        node.place,
        reason: "channel \(channel) is \(decimal(mean[channel])) in all examples: "
          + "found no deviation to divide by")
    }
    return (mean, deviation)
  }
}

extension Node {
  /// Whether the layer still lacks constants that data must give.
  var isGap: Bool { (layer as? Normalize)?.isFitted == false }
}

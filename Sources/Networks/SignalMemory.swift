import Kernels
import Layers
import Tensors

/// What the signals of a batch take in memory: a model of few bytes may ask for more than any machine has.
///
/// Counted is, once, what a pass cannot do without, so that none is refused that would have come out within the limit:
/// outputs, those that are in memory together; sums and what layers keep, where the way back reads them; the lists, registers
/// and matrices of convolutions; class ids written out as rows of outputs. Not counted is what outputs share with others
/// (`reshape`, a sum without activation), and what is bounded by the bytes of model and data: parameters, their gradients and
/// the input. A pass takes more than is counted, at most some few times as much: the errors on the way back, an output beside
/// the sum that it is made of, the answers of many batches while they are joined, the beginning of the next batch in training.
public struct SignalMemory: Sendable, Equatable {
  /// What a batch is brought into memory for.
  public enum Purpose: Sendable, Equatable {
    /// The last layer's outputs; of every other only as long as a layer still takes from it.
    case answer
    /// Every output and what the way back reads.
    case trace(Mode)
    /// Every output and sum.
    case everything(Mode)
    /// Forward and back in training.
    case training
    /// Forward and back with every sum.
    case gradientCheck(Mode)
    /// Back only: the signals have come, and the gradients are made. Whoever reads these expects no more of them than the limit.
    case gradients(Mode)
    /// Back in training: what of the signals has not come is made, or has memory, and the gradients are made.
    case briefTrace
  }

  /// The layer that takes the most.
  public let largest: String
  /// What it takes, and all layers together; nil beyond what Int can count.
  public let bytesOfLargest, bytes: Int?

  fileprivate init(largest: String, takes bytesOfLargest: Double, of bytes: Double) {
    self.largest = largest
    (self.bytesOfLargest, self.bytes) = (Int(exactly: bytesOfLargest), Int(exactly: bytes))
  }

  /// - Throws: `NetworkFault.tooMuchMemory` when it is more than `limit`.
  fileprivate func check(for examples: Int, limit: Int) throws {
    if let bytes, bytes <= limit { return }
    throw NetworkFault.tooMuchMemory(
      layer: largest, ofLayer: bytesOfLargest, found: bytes, examples: examples, limit: limit)
  }
}

extension Network {
  /// What a batch takes.
  ///
  /// - Parameters:
  ///   - together: how many examples are in memory at once; nil for all.
  ///   - threads: that compute at once.
  ///   - hasClassIDs: whether class ids are given as targets.
  public func signalMemory(
    of examples: Int, together: Int? = nil, for purpose: SignalMemory.Purpose, _ dtype: DType,
    threads: Int, hasClassIDs: Bool = false
  ) -> SignalMemory {
    let atOnce = min(together ?? examples, examples)
    let count = SignalCount(
      self, atOnce, purpose, size: Double(dtype.bitWidth / 8), dtype, threads: threads)
    var ofNodes = nodes.indices.map { count.bytes(of: $0) }
    var all = purpose == .answer ? count.together : count.afterOneAnother
    let outputs = Double(outputShape.count) * count.size
    let answers = purpose == .answer ? Double(examples - atOnce) * outputs : 0
    let targets = hasClassIDs && outputShape.count > 1 ? Double(examples) * outputs : 0
    ofNodes[nodes.count - 1] += answers + targets
    all += answers + targets
    let largest = nodes.indices.max { ofNodes[$0] < ofNodes[$1] } ?? 0
    return SignalMemory(largest: nodes[largest].name, takes: ofNodes[largest], of: all)
  }

  /// Refuses a batch whose signals would take more than `limit` bytes, before there is memory for any of them.
  ///
  /// - Parameters: as for `signalMemory`.
  /// - Throws: `NetworkFault.tooMuchMemory`.
  public func checkMemory(
    of examples: Int, together: Int? = nil, for purpose: SignalMemory.Purpose, _ dtype: DType,
    threads: Int, hasClassIDs: Bool = false, limit: Int
  ) throws {
    let kind = RoomyBatches.Kind(
      together: together, purpose: purpose, dtype: dtype, threads: threads,
      hasClassIDs: hasClassIDs, limit: limit)
    if roomy.contain(examples, kind) { return }
    try signalMemory(
      of: examples, together: together, for: purpose, dtype, threads: threads,
      hasClassIDs: hasClassIDs
    ).check(for: examples, limit: limit)
    roomy.note(examples, kind)
  }

  /// As `checkMemory`, of targets alone that are class ids.
  ///
  /// - Throws: `NetworkFault.tooMuchMemory`.
  public func checkMemory(ofTargets examples: Int, _ dtype: DType, limit: Int) throws {
    let found = Double(examples) * Double(outputShape.count) * Double(dtype.bitWidth / 8)
    if outputShape.count == 1 { return }
    try SignalMemory(largest: last.name, takes: found, of: found).check(for: examples, limit: limit)
  }

  /// As `checkMemory`, of what reaches a layer that no parameters stand before.
  ///
  /// - Throws: `NetworkFault.tooMuchMemory`.
  func checkMemory(reaching index: Int, of examples: Int, _ dtype: DType, limit: Int) throws {
    let count = SignalCount(
      self, examples, .trace(.inference), size: Double(dtype.bitWidth / 8), dtype, threads: 1)
    let reaching = ancestors(of: index)
    guard let largest = reaching.max(by: { count.bytes(of: $0) < count.bytes(of: $1) }) else {
      return
    }
    try SignalMemory(
      largest: nodes[largest].name, takes: count.bytes(of: largest),
      of: reaching.reduce(0) { $0 + count.bytes(of: $1) }
    ).check(for: examples, limit: limit)
  }
}

/// The largest batch that there was room for, of the kind asked for last: to count again for every step would take longer than
/// the step of a small network.
final class RoomyBatches: @unchecked Sendable {
  /// What decides, besides the number of examples, which never make it less.
  struct Kind: Equatable {
    let together: Int?
    let purpose: SignalMemory.Purpose
    let dtype: DType
    let threads: Int
    let hasClassIDs: Bool
    let limit: Int
  }

  // Read and written under the lock.
  private var kind: Kind?
  private var examples = 0
  private let lock = Lock()

  func contain(_ examples: Int, _ kind: Kind) -> Bool {
    lock.withLock { self.kind == kind && examples <= self.examples }
  }

  func note(_ examples: Int, _ kind: Kind) {
    lock.withLock { (self.kind, self.examples) = (kind, examples) }
  }
}

/// The bytes of a pass, node by node. In Double, where sums and products do not overflow.
private struct SignalCount {
  /// Bytes of a number.
  let size: Double
  private let nodes: [NodeCount]
  /// When the pass needs a node's output for the last time.
  private let lastUses: [[Int]]

  /// What one node takes.
  private struct NodeCount {
    /// The node whose memory the output lies in, often its own; nil for the input's.
    let place: Int?
    let output, kept: Double
    let working: WorkingMemory
  }

  init(
    _ network: Network, _ examples: Int, _ purpose: SignalMemory.Purpose, size: Double,
    _ dtype: DType, threads: Int
  ) {
    let mode = purpose.mode
    let needed = purpose.keepsSums ? nil : Set(network.sumsForBackward)
    var places: [Int?] = []
    var counts: [NodeCount] = []
    for (index, node) in network.nodes.enumerated() {
      let hasActivation = !(node.activation is Identity)
      let handsOn = !hasActivation && node.layer.handsOnMemory(in: mode)
      places.append(handsOn ? node.sources[0].flatMap { places[$0] } : index)
      let output = Double(examples) * Double(node.output.count) * size
      let keptSignals = node.layer.kept(in: mode).reduce(0) { sum, kept in
        kept.isSum && !hasActivation
          ? sum : sum + Double(kept.isPerExample ? examples : 1) * Double(kept.shape.count) * size
      }
      let hasSum = hasActivation && purpose != .answer && needed?.contains(node.name) ?? true
      let carriesError = network.carriesError[index]
      let wantsInput = node.sources.contains { $0.map { network.carriesError[$0] } == true }
      let passage: Passage =
        !purpose.goesBack || !carriesError
        ? .forward : wantsInput ? .backToInput : .backToParameters
      let gradients = node.layer.parameters.reduce(0) { $0 + Double($1.shape.count) * size }
      let isBackOnly = purpose.isBackOnly
      let kept = keptSignals + (hasSum ? output : 0)
      counts.append(
        NodeCount(
          place: places[index], output: handsOn || isBackOnly ? 0 : output,
          kept: (isBackOnly ? 0 : kept) + (purpose.writesGradients && carriesError ? gradients : 0),
          working: isBackOnly && !carriesError
            ? .none
            : node.layer.workingMemory(examples: examples, dtype, threads: threads, passage)))
    }
    (self.size, nodes) = (size, counts)
    lastUses = purpose == .answer ? network.lastUses() : []
  }

  func bytes(of index: Int) -> Double {
    let node = nodes[index]
    return node.output + node.kept + node.working.lasting + node.working.passing
  }

  /// Where everything but working memory stays.
  var afterOneAnother: Double {
    nodes.reduce(0) { $0 + $1.output + $1.kept + $1.working.lasting }
      + nodes.reduce(0) { max($0, $1.working.passing) }
  }

  /// Where an output goes when nobody takes from it any more.
  var together: Double {
    var takers = [Int](repeating: 0, count: nodes.count)
    for case let place? in nodes.map(\.place) { takers[place] += 1 }
    var (there, most, lasting) = (0.0, 0.0, 0.0)
    for (index, node) in nodes.enumerated() {
      there += node.output
      lasting += node.working.lasting
      most = max(most, there + node.kept + lasting + node.working.passing)
      for use in lastUses[index] {
        guard let place = nodes[use].place else { continue }
        takers[place] -= 1
        if takers[place] == 0 { there -= nodes[place].output }
      }
    }
    return most
  }
}

extension SignalMemory.Purpose {
  fileprivate var mode: Mode {
    switch self {
    case .answer: .inference
    case .training, .briefTrace: .training
    case .trace(let mode), .everything(let mode), .gradientCheck(let mode), .gradients(let mode):
      mode
    }
  }

  fileprivate var keepsSums: Bool {
    switch self {
    case .everything, .gradientCheck: true
    default: false
    }
  }

  fileprivate var goesBack: Bool {
    switch self {
    case .training, .gradientCheck, .gradients, .briefTrace: true
    default: false
    }
  }

  /// Whether the gradients become a document.
  fileprivate var writesGradients: Bool { self == .briefTrace || isBackOnly }

  /// Whether the signals are in memory already.
  fileprivate var isBackOnly: Bool {
    if case .gradients = self { return true }
    return false
  }
}

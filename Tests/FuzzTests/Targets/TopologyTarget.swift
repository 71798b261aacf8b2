import Layers

@testable import Networks
@testable import ToolSupport

/// Any text as a topology file.
///
/// Promised: the network keeps the text, and from it comes the same network again, also without comments and with
/// other spaces; a gap that only data can fill is refused where a network is to compute.
@Sendable func checkTopology(_ bytes: UnsafeRawBufferPointer) throws {
  guard let text = String(validating: bytes, as: UTF8.self) else { return }
  let found = try attempt { try Network(topology: text, allowingGaps: true) }
  guard let network = found.content else { return }
  try require(network.topology == text, "another text than it was made from")
  let words = try TopologyScanner(text, mostBytes: Network.mostTopologyBytes).lines
  let bare = words.map { $0.map(\.text).joined(separator: "  ") }.joined(separator: "\r\n")
  let again = try Network(topology: bare, allowingGaps: true)
  try require(outline(of: again) == outline(of: network), "another network without comments")
  let hasGap = network.nodes.contains { $0.isGap }
  let strict = try attempt { try Network(topology: text) }
  try require((strict.content == nil) == hasGap, "a gap accepted, or a network refused for none")
}

/// All that a network is, as text.
private func outline(of network: Network) -> [String] {
  ["input \(network.input), loss \(network.loss)"]
    + network.nodes.map {
      "\($0.name): \($0.layer) \($0.activation) from \($0.sources) gives \($0.output)"
    }
    + network.parameters.map { "\($0.name) \($0.shape) \($0.start) \($0.isLearned)" }
    + Mode.allCases.flatMap { mode in
      let plan = ExecutionPlan(network, mode, .training)
      return plan.slots.map(\.name) + plan.trace.parameters.map(String.init)
    }
}

import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

@testable import ToolSupport

/// The FIFO between the last stage of a ring and the first. Serialized, as the program has one promise only.
@Suite(.serialized) struct FeedbackTests {
  private let folder: Scratch
  private let fifo: String

  init() throws {
    signal(SIGPIPE, SIG_IGN)
    folder = try Scratch()
    fifo = folder.path("weights")
    try #require(mkfifo(fifo, 0o600) == 0)
  }

  private func model(_ name: String) -> Document {
    Document(metadata: ["name": name], tensors: ["x": Tensor([1, 2] as [Float])])
  }

  private func output() throws -> DocumentOutput { try DocumentOutput(folder.path("out")) }

  @Test func modelsComeInTheirOrderAndThenTheEndOfTheirWriter() throws {
    let output = try output()
    let input = try FeedbackInput(fifo)
    var feedback: FeedbackOutput? = try FeedbackOutput(fifo, isOfStandardInput: false)
    try feedback?.send(model("a"))
    try feedback?.send(model("b"))
    for name in ["a", "b"] {
      #expect(try input.next(watching: output) { $0.metadata["name"] } == name)
    }
    feedback = nil
    let error = #expect(throws: (any Error).self) { try input.next(watching: output) { _ in } }
    let (status, message) = verdict(on: try #require(error))
    #expect(status == .badData && message == "\(fifo): upstream ended early: no document")
  }

  @Test func anErrorOverAModelNamesTheFIFO() throws {
    let output = try output()
    let input = try FeedbackInput(fifo)
    let feedback = try FeedbackOutput(fifo, isOfStandardInput: false)
    try feedback.send(model("a"))
    let error = #expect(throws: (any Error).self) {
      try input.next(watching: output) { _ in throw DocumentError.noExamples("x") }
    }
    #expect(verdict(on: try #require(error)).message == "\(fifo): tensor 'x': no examples")
  }

  @Test func withoutReaderNothingIsSentAndNothingFails() throws {
    let feedback = try FeedbackOutput(fifo, isOfStandardInput: false)
    try feedback.send(model("a"))
    // One that comes now has missed a model, and must not take the next one for the first.
    let late = try FeedbackInput(fifo)
    try feedback.send(model("b"))
    let number = open(fifo, O_RDONLY | O_NONBLOCK)
    defer { close(number) }
    var byte: UInt8 = 0
    #expect(read(number, &byte, 1) < 0 && errno == EAGAIN)
    withExtendedLifetime((late, feedback)) {}
  }

  @Test func whatIsNoFIFOIsRefused() throws {
    try folder.write("file", "")
    let path = folder.path("file")
    #expect(
      throws: StageError.usage("--follow: '\(path)' is no FIFO (mkfifo makes one)")
    ) { try FeedbackInput(path) }
    #expect(
      throws: StageError.usage("--feedback: '\(path)' is no FIFO (mkfifo makes one)")
    ) { try FeedbackOutput(path, isOfStandardInput: false) }
    let missing = folder.path("missing")
    #expect(throws: StageError.inputMissing(missing, reason: "no such file or directory")) {
      try FeedbackInput(missing)
    }
    #expect(throws: StageError.outputNotCreated(missing, reason: "no such file or directory")) {
      try FeedbackOutput(missing, isOfStandardInput: false)
    }
  }

  @Test(
    arguments: [
      (["nn-update", "--feedback", "a"], "a"), (["nn-update", "--feedback=b", "-o", "c"], "b"),
      (["nn-update", "--feedback"], ""), (["nn-update", "--rate", "1"], nil),
    ] as [([String], String?)])
  func thePromisedFIFOIsTheOneOfTheOption(_ arguments: [String], _ path: String?) {
    defer { FeedbackOutput.promised = nil }
    FeedbackOutput.promise("--feedback", in: arguments)
    #expect(FeedbackOutput.promised == path)
  }
}

import Foundation
import Safetensors
import Scratch

/// A writer into a FIFO that holds back the last byte until it is told to go on.
final class HeldWriter: Sendable {
  private let mayGoOn = DispatchSemaphore(value: 0)

  /// Makes the FIFO, and waits for its reader in a thread of its own.
  init(_ path: String, _ bytes: [UInt8]) throws {
    guard mkfifo(path, 0o600) == 0 else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    let mayGoOn = mayGoOn
    Thread.detachNewThread {
      signal(SIGPIPE, SIG_IGN)
      let end = open(path, O_WRONLY | O_CLOEXEC)
      writeAll(Array(bytes.dropLast()), to: end)
      mayGoOn.wait()
      writeAll(Array(bytes.suffix(1)), to: end)
      close(end)
    }
  }

  func release() { mayGoOn.signal() }
}

/// `nn-train` that has made steps and cannot make more until the test lets it: its second dataset
/// comes through a FIFO whose last byte is held back.
///
/// It is the same training as with two files in the folder. So a signal meets it inside an epoch on
/// any machine, however fast.
final class HeldTraining {
  /// More rows than `nn-train` looks at before it begins.
  static func ring(layers: String = "dense 4 tanh\ndense 2 softmax") throws -> Ring {
    let ring = try Ring(rows: 600, columns: 32, layers: layers)
    try ring.folder.write("second.safetensors", ring.folder.read("train.safetensors"))
    return ring
  }

  /// 300 steps for each of the two datasets.
  static let options = "--size 2 --seed 1 --rate 0.1 --no-shuffle --shuffle-buffer 8"
  static let stepsBeforeTheHold = 300
  /// A step that is made, and one that is held, in one thread, so that it is the step itself that waits for
  /// rows.
  static let twoSteps = "--size 500 --limit 2 -j 1"
  static let datasets = "train.safetensors second.safetensors"

  let session: RingSession
  private let writer: HeldWriter

  /// Starts it and returns when it has made a step.
  ///
  /// - Parameters:
  ///   - command: what `nn-train` gets besides the options and the datasets.
  ///   - shell: what comes before it on the command line.
  init(_ command: String, after shell: String = "exec", in ring: Ring) throws {
    try? ring.folder.remove("fifo")
    writer = try HeldWriter(ring.folder.path("fifo"), ring.folder.read("second.safetensors"))
    session = try RingSession(
      "\(shell) nn-train train.safetensors fifo \(Self.options) \(command)", in: ring.folder,
      terminal: Terminal())
    try session.wait(untilShown: ", step ")
  }

  /// Sends it a signal, and returns when it has come.
  func signal(_ number: Int32) throws {
    try session.signal(number)
    try session.waitForDelivery(to: session.leader)
  }

  /// Of `twoSteps`: returns when the second has begun, and its only thread sleeps until rows come.
  func waitForTheLastStep() throws {
    #if os(Linux)
      let process = session.leader
      try session.wait {
        let status = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        return status.contains(") S ")
      }
    #else
      usleep(500_000)
    #endif
  }

  /// Lets it have the last row.
  func release() { writer.release() }
}

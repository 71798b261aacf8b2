import Foundation
import Scratch
import Testing

/// A script that runs in a session of its own, so that everything it starts can be found and none of it can outlive
/// the test.
final class RingSession {
  /// Far more than anything takes on a busy machine, for what hangs does so for ever.
  private static let watchdog = 60.0

  /// The script's process, its process group and its session.
  let leader: pid_t
  private let folder: Scratch
  /// What its standard error is, where that is a terminal, and what was shown there so far.
  private let terminal: Terminal?
  private(set) var shown = ""
  private let began = Date()

  /// - Parameters:
  ///   - folder: where it runs, with a new `temporary` as its `TMPDIR`; its output goes to `stdout` and `stderr` there.
  ///   - terminal: its standard error; nil for `stderr`.
  ///   - shell: with what options it takes a script, as in `["/bin/sh", "-c"]`.
  init(
    _ script: String, in folder: Scratch, shell: [String] = ["/bin/sh", "-c"],
    environment: [String: String] = [:], terminal: Terminal? = nil
  ) throws {
    (self.folder, self.terminal) = (folder, terminal)
    try? FileManager.default.createDirectory(
      atPath: folder.path("temporary"), withIntermediateDirectories: false)
    var variables = ProcessInfo.processInfo.environment
    variables["PATH"] = Tool.folder.path + ":" + (variables["PATH"] ?? "/usr/bin:/bin")
    variables["TMPDIR"] = folder.path("temporary")
    variables["NN_BIN"] = Tool.folder.path
    variables.merge(environment) { _, new in new }
    variables["RING_FOLDER"] = folder.url.path
    leader = try startSession(
      shell + ["cd \"$RING_FOLDER\" || exit\n\(script)"], in: folder,
      variables.map { "\($0.key)=\($0.value)" }, terminal: terminal)
  }

  /// Waits until the terminal shows a text.
  func wait(untilShown text: String) throws {
    try wait {
      shown += terminal?.look() ?? ""
      return shown.contains(text)
    }
  }

  /// Waits until a signal that was sent to a process has come to it.
  ///
  /// Two signals that are on their way at once may arrive in either order.
  func waitForDelivery(to process: pid_t) throws {
    #if os(Linux)
      try wait {
        let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let pending = (status ?? "").split(separator: "\n").filter {
          $0.hasPrefix("SigPnd:") || $0.hasPrefix("ShdPnd:")
        }
        return pending.allSatisfy { Int($0.dropFirst(7).trimmingPrefix("\t"), radix: 16) == 0 }
      }
    #else
      usleep(200_000)
    #endif
  }

  /// Sends a signal to the script's process group, as a terminal does.
  func signal(_ number: Int32) throws {
    try "\(Date().timeIntervalSince1970)".write(
      toFile: folder.path("fault"), atomically: false, encoding: .utf8)
    kill(-leader, number)
  }

  /// Waits until something is true of the running script.
  func wait(until isTrue: () throws -> Bool) throws {
    let end = Date() + Self.watchdog
    while try !isTrue() {
      try #require(Date() < end, "the script did not come as far as the test waits for")
      usleep(2000)
    }
  }

  /// Waits until a file holds a process's number, and returns that.
  func process(_ name: String) throws -> pid_t {
    var process: pid_t?
    try wait {
      let text = try? String(contentsOfFile: folder.path(name), encoding: .utf8)
      process = text.flatMap { $0.hasSuffix("\n") ? pid_t($0.dropLast()) : nil }
      return process != nil
    }
    return try #require(process)
  }

  /// Waits until the script and everything it started have ended; kills what does not end in `watchdog` seconds from now.
  func outcome(watchdog: Double = watchdog) throws -> RingOutcome {
    let end = Date() + watchdog
    var status: Int32 = 0
    var hasEnded = false
    var processes = [pid_t]()
    while true {
      if !hasEnded { hasEnded = waitpid(leader, &status, WNOHANG) == leader }
      let isOver = Date() > end
      if hasEnded || isOver { processes = processesOfSession(leader) }
      if hasEnded && processes.isEmpty || isOver { break }
      usleep(2000)
    }
    let ended = Date()
    for process in processes { kill(process, SIGKILL) }
    if !hasEnded { waitpid(leader, &status, 0) }
    let fault = (try? String(contentsOfFile: folder.path("fault"), encoding: .utf8))
      .flatMap(Double.init).map(Date.init(timeIntervalSince1970:))
    return RingOutcome(
      status: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F,
      message: try message(),
      output: String(decoding: try folder.read("stdout"), as: UTF8.self),
      hasHung: !hasEnded, left: processes.count,
      seconds: ended.timeIntervalSince(fault ?? began),
      temporaries: try FileManager.default.contentsOfDirectory(atPath: folder.path("temporary")))
  }
}

extension RingSession {
  /// What it has written to standard error. A terminal's lines are those that nothing has replaced.
  private func message() throws -> String {
    guard let terminal else { return String(decoding: try folder.read("stderr"), as: UTF8.self) }
    shown += terminal.look()
    return shown.replacing("\r\n", with: "\n").split(
      separator: "\n", omittingEmptySubsequences: false
    )
    .map { $0.split(separator: "\r\u{1B}[K", omittingEmptySubsequences: false).last ?? "" }
    .joined(separator: "\n")
  }
}

/// What a session left behind.
struct RingOutcome {
  /// The script's exit code, or 128 + the signal that ended it.
  let status: Int32
  let message: String
  let output: String
  /// Whether the script had to be killed.
  let hasHung: Bool
  /// Processes that had to be killed.
  let left: Int
  /// From the fault, or from the start where the fault came with it, to the end of the last process.
  let seconds: Double
  /// Files and folders that should have been removed.
  let temporaries: [String]

  /// The script ended by itself, and everything that it had started or made was gone within two
  /// seconds;
  /// on a busy machine within the time that it takes to start a shell forty times, if that is
  /// longer.
  func expectEndedByItself(
    within limit: Double = 2, _ sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(remains(within: limit) == [], "\(message)", sourceLocation: sourceLocation)
  }

  /// What keeps this from being an end by itself; empty when nothing does.
  func remains(within limit: Double = 2) -> [String] {
    var remains = temporaries.map { "'\($0)' is left" }
    if hasHung { remains.append("it hangs") }
    if left != 0 { remains.append("\(left) processes are left") }
    if seconds >= limit && seconds >= 40 * secondsToStartAShell() {
      remains.append("it took \(seconds) s, expected less than \(limit)")
    }
    return remains
  }

  /// The lines of standard error that a stage wrote, without its name.
  func messages(of tool: String) -> [String] {
    message.split(separator: "\n").filter { $0.hasPrefix(tool + ": ") }
      .map { String($0.dropFirst(tool.count + 2)) }
  }
}

/// How long that takes now, on the mean of ten; infinite when it fails.
private func secondsToStartAShell() -> Double {
  let began = Date()
  for _ in 0..<10 {
    guard let folder = try? Scratch(), let outcome = try? Tool.sh("sh -c :", in: folder),
      outcome.status == 0
    else { return .infinity }
  }
  return Date().timeIntervalSince(began) / 10
}

/// Starts a program in a new session, with every signal as a terminal's shell would have it.
private func startSession(
  _ arguments: [String], in folder: Scratch, _ environment: [String], terminal: Terminal?
) throws -> pid_t {
  #if os(Linux)
    var (attributes, actions) = (posix_spawnattr_t(), posix_spawn_file_actions_t())
    let newSession: Int16 = 0x80  // POSIX_SPAWN_SETSID, which Glibc shows only to GNU sources
  #else
    var (attributes, actions) = (posix_spawnattr_t(nil), posix_spawn_file_actions_t(nil))
    let newSession = Int16(POSIX_SPAWN_SETSID)
  #endif
  posix_spawnattr_init(&attributes)
  posix_spawn_file_actions_init(&actions)
  defer {
    posix_spawnattr_destroy(&attributes)
    posix_spawn_file_actions_destroy(&actions)
  }
  var none = sigset_t()
  var usual = sigset_t()
  sigemptyset(&none)
  sigemptyset(&usual)
  for number in [SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD] { sigaddset(&usual, number) }
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setsigdefault(&attributes, &usual)
  posix_spawnattr_setflags(
    &attributes, newSession | Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  let outputs = [(Int32(1), folder.path("stdout")), (2, terminal?.path ?? folder.path("stderr"))]
  for (number, path) in outputs {
    posix_spawn_file_actions_addopen(
      &actions, number, path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOCTTY, 0o666)
  }
  var words = arguments.map { strdup($0) } + [nil]
  var variables = environment.map { strdup($0) } + [nil]
  defer { for text in words + variables { free(text) } }
  var process = pid_t()
  let error = posix_spawn(&process, arguments[0], &actions, &attributes, &words, &variables)
  try #require(error == 0, "\(arguments[0]): \(String(cString: strerror(error)))")
  return process
}

/// The running processes of a session; those that only wait to be reaped have ended.
private func processesOfSession(_ session: pid_t) -> [pid_t] {
  #if os(Linux)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { pid_t($0) }.filter { process in
      guard getsid(process) == session,
        let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let name = status.lastIndex(of: ")")
      else { return false }
      return !"ZX".contains(status[status.index(name, offsetBy: 2)])
    }
  #else
    // A zombie has no session any more here.
    var processes = [pid_t](repeating: 0, count: 1 << 14)
    let size = processes.withUnsafeMutableBytes {
      proc_listallpids($0.baseAddress, Int32($0.count))
    }
    return processes.prefix(Int(max(size, 0))).filter { getsid($0) == session }
  #endif
}

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
  private let began = Date()

  /// - Parameters:
  ///   - folder: where it runs, with a new `temporary` as its `TMPDIR`; its output goes to `stdout` and `stderr` there.
  ///   - shell: with what options it takes a script, as in `["/bin/sh", "-c"]`.
  init(
    _ script: String, in folder: Scratch, shell: [String] = ["/bin/sh", "-c"],
    environment: [String: String] = [:]
  ) throws {
    self.folder = folder
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
      variables.map { "\($0.key)=\($0.value)" })
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
      message: String(decoding: try folder.read("stderr"), as: UTF8.self),
      output: String(decoding: try folder.read("stdout"), as: UTF8.self),
      hasHung: !hasEnded, left: processes.count,
      seconds: ended.timeIntervalSince(fault ?? began),
      temporaries: try FileManager.default.contentsOfDirectory(atPath: folder.path("temporary")))
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

  /// The script ended by itself, and everything that it had started or made was gone within two seconds.
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
    if seconds >= limit { remains.append("it took \(seconds) s, expected less than \(limit)") }
    return remains
  }

  /// The lines of standard error that a stage wrote, without its name.
  func messages(of tool: String) -> [String] {
    message.split(separator: "\n").filter { $0.hasPrefix(tool + ": ") }
      .map { String($0.dropFirst(tool.count + 2)) }
  }
}

/// Starts a program in a new session, with every signal as a terminal's shell would have it.
private func startSession(
  _ arguments: [String], in folder: Scratch, _ environment: [String]
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
  for (number, name) in [(Int32(1), "stdout"), (2, "stderr")] {
    posix_spawn_file_actions_addopen(
      &actions, number, folder.path(name), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o666)
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

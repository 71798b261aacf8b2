import CLibrary
import CMemory
import Compute

/// The temporary files of this process, so that a signal that ends it can remove them.
enum Temporaries {
  /// C strings; a slot's pointer is set and cleared whole, which a signal handler can read at any
  /// moment.
  nonisolated(unsafe) private static let slots = {
    let slots = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: capacity)
    slots.initialize(repeating: nil, count: capacity)
    return slots
  }()
  private static let capacity = 8
  /// Where the strings of the slots lie, so that nothing is allocated when a file is there already.
  nonisolated(unsafe) private static let names =
    UnsafeMutablePointer<CChar>.allocate(capacity: capacity * Int(PATH_MAX))

  /// Keeps threads apart, but no handler of a signal, which only reads.
  private static let lock = Lock()

  static func add(_ path: String) {
    lock.withLock {
      guard let free = (0..<capacity).first(where: { slots[$0] == nil }) else {
        preconditionFailure("more than \(capacity) output files in one stage")
      }
      let name = names + free * Int(PATH_MAX)
      path.withCString { _ = strncpy(name, $0, Int(PATH_MAX)) }
      slots[free] = name
    }
  }

  static func contains(_ path: String) -> Bool { lock.withLock { slot(of: path) != nil } }

  /// - Returns: whether the path was registered.
  @discardableResult
  static func remove(_ path: String) -> Bool {
    lock.withLock {
      guard let slot = slot(of: path) else { return false }
      slots[slot] = nil
      return true
    }
  }

  private static func slot(of path: String) -> Int? {
    (0..<capacity).first { slot in slots[slot].map { strcmp($0, path) == 0 } ?? false }
  }

  /// Removes the temporary files when a signal ends the process, then lets it end as it would have.
  static func removeOnSignals() {
    prepare()
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // Who started us with a signal ignored (nohup) wants it ignored.
      if isIgnored(number) { continue }
      signal(number) { number in Temporaries.removeAndEnd(by: number) }
    }
  }

  /// Removes the temporary files when an allocation fails, before that ends the process.
  ///
  /// - Parameter tool: what the message begins with.
  static func removeWhenMemoryIsExhausted(_ tool: String) {
    prepare()
    nn_memory_prepare(strdup(tool)) { Temporaries.unlinkAll() }
  }

  /// Makes what a handler must not be the first to ask for.
  private static func prepare() { (_, _) = (slots, names) }

  /// Removes the temporary files and ends the process by a signal; a signal handler may call it.
  static func removeAndEnd(by number: Int32) {
    unlinkAll()
    signal(number, SIG_DFL)
    raise(number)
  }

  /// Removes the files and leaves the slots; a signal handler may call it.
  private static func unlinkAll() {
    for slot in 0..<capacity {
      if let name = slots[slot] { _ = unlink(name) }
    }
  }

  /// Removes what is left, before the process exits with an error.
  static func removeAll() {
    unlinkAll()
    for slot in 0..<capacity { slots[slot] = nil }
  }
}

/// Whether the process was started with this signal ignored.
func isIgnored(_ number: Int32) -> Bool {
  var action = sigaction()
  guard sigaction(number, nil, &action) == 0 else { return false }
  #if os(Linux)
    let handler = action.__sigaction_handler.sa_handler
  #else
    let handler = action.__sigaction_u.__sa_handler
  #endif
  return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
}

import CLibrary
import Tensors

/// The file beside an output that is written in its place until it is whole: `.NAME.tmp`, locked by who writes it.
///
/// The lock is the kernel's, which frees it when the process ends, however that comes about. So the name need not say who
/// writes it, a second writer of the same output is refused at once, and what a dead one has left is known to be nobody's,
/// whatever its number is used for now and on whatever machine it ran.
enum LockedTemporaryFile {
  /// Creates it anew, in the place of one that a dead process has left.
  ///
  /// - Parameters:
  ///   - path: where.
  ///   - output: what messages call the file that it is to become.
  /// - Returns: a descriptor for writing, whose lock lasts as long as it is open, and the file's path. On a file system
  ///   without locks that is one of its own, so that nobody takes a living process's file for a dead one's.
  /// - Throws: `StageError.outputTaken` when somebody writes it; `.outputNotCreated`.
  static func create(_ path: String, for output: String) throws -> (number: Int32, path: String) {
    func refused(_ reason: String = systemError()) -> StageError {
      .outputNotCreated(output, reason: reason)
    }
    // Every round ends in a file of ours or was one that another process took part in.
    for _ in 0..<1000 {
      var number = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o666)
      let isNew = number >= 0
      if !isNew {
        guard errno == EEXIST else { throw refused() }
        // Not blocking, should somebody have put a FIFO there.
        number = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        if number < 0 && errno == EACCES {
          number = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        }
        if number < 0 && errno == ENOENT { continue }
        guard number >= 0 else { throw refused() }
      }
      guard isRegular(number) else {
        _ = close(number)
        throw refused("'\(printable(path))' is in the way")
      }
      let answer = lock(number)
      // Between opening and locking it another process may have finished with it, and what has the name is another file.
      if answer == .locked && isStill(path, number) {
        if isNew { return (number, path) }
        _ = unlink(path)
      }
      if answer == .noLocks && isNew { _ = unlink(path) }
      _ = close(number)
      switch answer {
      case .locked: continue
      case .taken: throw StageError.outputTaken(output)
      case .noLocks: return try createUnlocked(path, refused)
      }
    }
    throw StageError.outputTaken(output)
  }

  private enum Answer { case locked, taken, noLocks }

  private static func lock(_ number: Int32) -> Answer {
    while flock(number, LOCK_EX | LOCK_NB) != 0 {
      if errno == EWOULDBLOCK { return .taken }
      if errno != EINTR { return .noLocks }
    }
    return .locked
  }

  private static func createUnlocked(
    _ path: String, _ refused: (String) -> StageError
  ) throws -> (number: Int32, path: String) {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let own = "\(path.dropLast(4)).\(getpid()).\(time.tv_nsec).tmp"
    let number = open(own, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard number >= 0 else { throw refused(systemError()) }
    return (number, own)
  }

  private static func isRegular(_ number: Int32) -> Bool {
    var status = stat()
    return fstat(number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  private static func isStill(_ path: String, _ number: Int32) -> Bool {
    var (named, opened) = (stat(), stat())
    return lstat(path, &named) == 0 && fstat(number, &opened) == 0
      && named.st_ino == opened.st_ino && named.st_dev == opened.st_dev
  }

  /// Its name: hidden, and so short that every file system takes it. One that is cut has a hash, or two could be the same.
  static func name(for output: String) -> String {
    let whole = ".\(output).tmp"
    if whole.utf8.count <= 200 { return whole }
    let digest = Digest()
    Array(output.utf8).withUnsafeBytes { digest.update($0) }
    return ".\(cut(output, to: 150)).\(digest.hex).tmp"
  }

  /// A name that is no longer than file systems take: 255 bytes. What is cut away stands before the ending.
  static func shortened(_ name: String, keeping ending: String) -> String {
    if name.utf8.count <= 255 { return name }
    let kept = name.hasSuffix(ending) ? ending : ""
    return cut(String(name.dropLast(kept.count)), to: 255 - kept.utf8.count) + kept
  }

  /// The beginning of a name, in whole characters.
  static func cut(_ name: String, to bytes: Int) -> String {
    var result = ""
    for character in name {
      if result.utf8.count + character.utf8.count > bytes { break }
      result.append(character)
    }
    return result
  }
}

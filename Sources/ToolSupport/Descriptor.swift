import CLibrary
import CLinux
import Tensors

/// An open file descriptor, closed with its last owner; the only place that calls read, write and poll.
final class Descriptor {
  /// What lies behind a descriptor, as far as a stage's behavior depends on it.
  enum Nature { case regular, pipe, terminal, other }

  let number: Int32
  /// What messages call it: a file's name or `<stdin>`.
  let name: String
  let nature: Nature
  /// Bytes that mean nothing to who reads this pipe. A stage that waits for input writes them now and then: a filter
  /// that, like `cat`, does not watch its output learns only by writing that nobody reads it.
  var probe: [UInt8] = []
  /// When something was last written, or could have been; what is read meanwhile does not put off the next probe.
  private var lastWritten = 0.0
  /// The bytes written, and those of them that were lent.
  private(set) var (written, lent) = (0, 0)
  private let isOwned: Bool
  private var takesLoans: Bool

  init(_ number: Int32, name: String, owned: Bool) {
    self.number = number
    self.name = name
    self.isOwned = owned
    var status = stat()
    switch fstat(number, &status) == 0 ? status.st_mode & S_IFMT : 0 {
    case S_IFREG: nature = .regular
    case S_IFIFO, S_IFSOCK: nature = .pipe
    case S_IFCHR where isatty(number) == 1: nature = .terminal
    default: nature = .other
    }
    #if os(Linux)
      takesLoans = nature == .pipe
    #else
      takesLoans = false
    #endif
    if nature == .pipe { enlargePipe() }
  }

  deinit { if isOwned { _ = close(number) } }

  /// Takes the numbers of standard descriptors that are closed (`>&-`), so that no file that is opened later gets one and is
  /// written to in its place. Reading or writing them fails as before.
  static func occupyClosedStandardOnes() {
    for number: Int32 in 0...2 where fcntl(number, F_GETFD) < 0 {
      _ = open("/dev/null", number == 0 ? O_WRONLY : O_RDONLY)
    }
  }

  /// Opens a file for reading.
  ///
  /// - Throws: `StageError.inputMissing`.
  static func reading(_ path: String, flags: Int32 = 0) throws -> Descriptor {
    let number = open(path, O_RDONLY | O_CLOEXEC | flags)
    guard number >= 0 else {
      throw StageError.inputMissing(printable(path), reason: systemError())
    }
    let descriptor = Descriptor(number, name: printable(path), owned: true)
    var status = stat()
    if fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw StageError.inputMissing(printable(path), reason: systemError(EISDIR))
    }
    return descriptor
  }

  /// Reads what is there, waiting for at least one byte; 0 at end of input.
  ///
  /// - Parameters:
  ///   - second: takes what does not fit in `buffer`.
  ///   - output: the pipe that this stage writes to. A stage that waits for input ends when nobody reads its
  ///     output any more; without that, the stages before a dead one would wait for ever.
  /// - Throws: `StageError.reading`, or `.readerGone`.
  func read(
    into buffer: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer? = nil,
    watching output: Descriptor?
  ) throws -> Int {
    while true {
      try waitForInput(watching: output)
      let count: Int
      if let second, !second.isEmpty {
        var buffers = (
          iovec(iov_base: buffer.baseAddress, iov_len: buffer.count),
          iovec(iov_base: second.baseAddress, iov_len: second.count)
        )
        count = withUnsafeBytes(of: &buffers) {
          readv(number, $0.assumingMemoryBound(to: iovec.self).baseAddress, 2)
        }
      } else {
        count = systemRead(number, buffer.baseAddress, buffer.count)
      }
      if count >= 0 { return count }
      if errno != EINTR && errno != EAGAIN {
        throw StageError.reading(name, reason: systemError())
      }
    }
  }

  /// Passes over up to `count` bytes of a regular file, fewer only at its end.
  ///
  /// - Throws: `StageError.reading`.
  func skip(_ count: Int) throws -> Int {
    var status = stat()
    let place = lseek(number, 0, SEEK_CUR)
    guard place >= 0, fstat(number, &status) == 0 else {
      throw StageError.reading(name, reason: systemError())
    }
    let passed = min(count, max(0, Int(status.st_size) - Int(place)))
    guard lseek(number, off_t(passed), SEEK_CUR) >= 0 else {
      throw StageError.reading(name, reason: systemError())
    }
    return passed
  }

  /// Writes every byte, waiting as long as the reader takes.
  ///
  /// - Throws: `StageError.writing`, or `.readerGone`.
  func write(_ bytes: UnsafeRawBufferPointer) throws { try write([bytes]) }

  /// Writes every byte of the buffers, one after the other, waiting as long as the reader takes.
  ///
  /// - Parameter isLent: whether a buffer's bytes stay as they are until no pipe refers to them any more. Then a pipe does, and
  ///   only its reader copies them. That waits in the kernel even where the pipe does not wait (`O_NONBLOCK`).
  /// - Throws: `StageError.writing`, or `.readerGone`.
  func write(
    _ buffers: [UnsafeRawBufferPointer],
    lending isLent: (UnsafeRawBufferPointer) -> Bool = { _ in false }
  ) throws {
    defer { lastWritten = monotonicSeconds() }
    var vectors = buffers.map {
      iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
    }
    try vectors.withUnsafeMutableBufferPointer { vectors in
      var first = 0
      while first < vectors.count {
        let lends = takesLoans && isLent(buffers[first])
        let alike = buffers[first...].prefix(Self.mostBuffers).prefix {
          !takesLoans || isLent($0) == lends
        }
        let next = vectors.baseAddress.map { $0 + first }
        let count =
          lends ? lend(number, next, alike.count) : writev(number, next, Int32(alike.count))
        if count >= 0 {
          written += count
          if lends { lent += count }
          first = vectors.dropBytes(count, from: first)
        } else if errno == EAGAIN {
          var watched = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
          _ = poll(&watched, 1, -1)
        } else if errno == EPIPE {
          throw StageError.readerGone
        } else if errno != EINTR {
          // A socket takes no loans, nor do some sandboxes; if there is another reason, writing will show it.
          if !lends { throw StageError.writing(name, reason: systemError()) }
          takesLoans = false
        }
      }
    }
  }

  /// The bytes of a pipe that nobody has read yet; more than it can hold if the system does not say.
  var unread: Int {
    #if os(Linux)
      var count: Int32 = 0
      if ioctl(number, UInt(FIONREAD), &count) == 0 { return Int(count) }
    #endif
    return .max
  }

  /// How many buffers every system's `writev` takes at once: POSIX promises 16, Linux and macOS
  /// take 1024.
  private static let mostBuffers = 1024

  /// Waits until there is something to read, or the end.
  ///
  /// - Throws: `StageError.readerGone`.
  func waitForInput(watching output: Descriptor?) throws {
    if nature == .regular { return }
    // One below 0 is not looked at.
    let outputNumber = output?.nature == .pipe ? output?.number : nil
    var watched = (
      input: pollfd(fd: number, events: Int16(POLLIN), revents: 0),
      output: pollfd(fd: outputNumber ?? -1, events: 0, revents: 0)
    )
    while true {
      let timeout = output?.millisecondsToProbe ?? -1
      let ready = withUnsafeMutableBytes(of: &watched) {
        poll($0.assumingMemoryBound(to: pollfd.self).baseAddress, 2, timeout)
      }
      if ready == 0 { try output?.sendProbe() }
      if ready < 0 && errno == EINTR { continue }
      // A pipe without a reader reports an error on Linux, a hang-up on macOS; a socket hangs up on both.
      if watched.output.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 {
        throw StageError.readerGone
      }
      if ready < 0 || watched.input.revents != 0 { return }
    }
  }

  /// What a wait for something else than input does now and then: finds out whether somebody still reads this pipe.
  ///
  /// - Throws: `StageError.readerGone`.
  func checkReader() throws {
    guard nature == .pipe else { return }
    if millisecondsToProbe == 0 { try sendProbe() }
    var watched = pollfd(fd: number, events: 0, revents: 0)
    if poll(&watched, 1, 0) > 0, watched.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 {
      throw StageError.readerGone
    }
  }

  /// In seconds; several filters in a row learn one after the other.
  private static let probeInterval = 0.25

  /// How long a wait may last until the next probe, as `poll` takes it; -1 where there is none to send.
  ///
  /// Counted from the last write and not from the start of a wait: the probes of the stage before end each wait, and would
  /// put off those of this one again and again.
  private var millisecondsToProbe: Int32 {
    if probe.isEmpty { return -1 }
    let rest = lastWritten + Self.probeInterval - monotonicSeconds()
    return Int32((max(rest, 0) * 1000).rounded(.up))
  }

  /// Writes the probe if the pipe has room for it; if not, somebody has yet to read what is in it.
  private func sendProbe() throws {
    lastWritten = monotonicSeconds()
    var watched = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
    guard poll(&watched, 1, 0) == 1 else { return }
    try probe.withUnsafeBytes { try write($0) }
  }

  /// A pipe of 1 MiB holds most documents whole, which saves a change of process every 64 KiB.
  private func enlargePipe() {
    #if os(Linux)
      _ = fcntl(number, F_SETPIPE_SZ, 1 << 20)
    #endif
  }
}

/// The system's words for an error number, in the manner of our messages.
public func systemError(_ number: Int32 = errno) -> String {
  let words = String(cString: strerror(number))
  return words.prefix(1).lowercased() + words.dropFirst()
}

#if os(Linux)
  /// fcntl's request for a pipe's capacity, which Glibc's Swift overlay leaves out.
  private let F_SETPIPE_SZ: Int32 = 1031
#endif

// The functions of the C library, whose names the methods above hide.
private func systemRead(_ number: Int32, _ to: UnsafeMutableRawPointer?, _ count: Int) -> Int {
  read(number, to, count)
}

/// Lets a pipe refer to the memory of the buffers; as `writev` otherwise.
private func lend(_ number: Int32, _ buffers: UnsafePointer<iovec>?, _ count: Int) -> Int {
  #if os(Linux)
    vmsplice(number, buffers, count, 0)
  #else
    writev(number, buffers, Int32(count))
  #endif
}

extension UnsafeMutableBufferPointer<iovec> {
  /// Takes the first `count` bytes away; returns the first buffer from `first` on that has any left.
  fileprivate func dropBytes(_ count: Int, from first: Int) -> Int {
    var (first, count) = (first, count)
    while first < self.count, count >= self[first].iov_len {
      count -= self[first].iov_len
      first += 1
    }
    if count > 0 {
      self[first].iov_base = self[first].iov_base.map { $0 + count }
      self[first].iov_len -= count
    }
    return first
  }
}

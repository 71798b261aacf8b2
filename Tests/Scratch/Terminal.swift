import Foundation

/// A terminal at which nobody sits.
public final class Terminal {
  /// What to redirect to or from.
  public let path: String
  private let controller: FileHandle

  /// - Throws: `POSIXError` where the system has no more terminals.
  public init() throws {
    func require(_ isDone: Bool) throws {
      if !isDone { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
    let number = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    try require(number >= 0)
    controller = FileHandle(fileDescriptor: number, closeOnDealloc: true)
    #if os(Linux)
      // Glibc's Swift overlay leaves out posix_openpt and its kin; these two requests are what they make.
      let (unlock, askForNumber) = (UInt(0x4004_5431), UInt(0x8004_5430))
      var (locked, terminal): (CInt, CInt) = (0, 0)
      try require(ioctl(number, unlock, &locked) == 0)
      try require(ioctl(number, askForNumber, &terminal) == 0)
      path = "/dev/pts/\(terminal)"
    #else
      try require(grantpt(number) == 0 && unlockpt(number) == 0)
      guard let name = ptsname(number) else { throw POSIXError(.ENOTTY) }
      path = String(cString: name)
    #endif
  }

  /// What has been shown since it was last looked at. Does not wait.
  public func look() -> String {
    var shown = [UInt8]()
    var piece = [UInt8](repeating: 0, count: 4096)
    var watched = pollfd(fd: controller.fileDescriptor, events: Int16(POLLIN), revents: 0)
    while poll(&watched, 1, 0) > 0 && watched.revents & Int16(POLLIN) != 0 {
      let count = read(controller.fileDescriptor, &piece, piece.count)
      if count <= 0 { break }
      shown += piece.prefix(count)
    }
    return String(decoding: shown, as: UTF8.self)
  }

  /// What is shown up to the first `ending`, waited for, without the ending.
  public func text(to ending: String) -> String {
    var shown = Data()
    while !shown.suffix(ending.utf8.count).elementsEqual(ending.utf8) {
      let more = controller.availableData
      if more.isEmpty { break }
      shown += more
    }
    return String(decoding: shown.dropLast(ending.utf8.count), as: UTF8.self)
  }
}

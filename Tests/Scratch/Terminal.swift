import Foundation
import Testing

/// A terminal that nobody looks at.
final class Terminal {
  /// What to redirect to or from.
  let path: String
  private let controller: FileHandle

  init() throws {
    let number = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    try #require(number >= 0)
    controller = FileHandle(fileDescriptor: number, closeOnDealloc: true)
    #if os(Linux)
      // Glibc's Swift overlay leaves out posix_openpt and its kin; these two requests are what they make.
      let (unlock, askForNumber) = (UInt(0x4004_5431), UInt(0x8004_5430))
      var (locked, terminal): (CInt, CInt) = (0, 0)
      try #require(ioctl(number, unlock, &locked) == 0)
      try #require(ioctl(number, askForNumber, &terminal) == 0)
      path = "/dev/pts/\(terminal)"
    #else
      try #require(grantpt(number) == 0 && unlockpt(number) == 0)
      path = String(cString: try #require(ptsname(number)))
    #endif
  }
}

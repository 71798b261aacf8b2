import Foundation
import Scratch
import Testing

@testable import ToolSupport

/// The ends of a new pipe, closed with their last owner.
///
/// A FIFO, of which no program that another test starts can inherit an end: who opens one can say so at once.
func pipeEnds() throws -> (reading: Descriptor, writing: Descriptor) {
  // What a writer without a reader gets is an error, as in every tool, and not a signal.
  signal(SIGPIPE, SIG_IGN)
  let folder = try Scratch()
  let path = folder.path("pipe")
  try #require(mkfifo(path, 0o600) == 0)
  let reading = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  let writing = open(path, O_WRONLY | O_CLOEXEC)
  try #require(reading >= 0 && writing >= 0 && fcntl(reading, F_SETFL, 0) == 0)
  return (
    Descriptor(reading, name: "<in>", owned: true), Descriptor(writing, name: "<out>", owned: true)
  )
}

extension Descriptor {
  /// Up to `count` bytes, fewer only at the end.
  func bytes(_ count: Int) throws -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    var filled = 0
    while filled < count {
      let more = try result.withUnsafeMutableBytes {
        try read(into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]), watching: nil)
      }
      if more == 0 { break }
      filled += more
    }
    return Array(result[..<filled])
  }

  /// Closes what is open under the number, which stays taken, so that no other test's file gets it before its owner closes it.
  func shut() {
    let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
    dup2(nothing, number)
    close(nothing)
  }
}

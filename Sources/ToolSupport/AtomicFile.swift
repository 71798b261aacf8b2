import CLibrary
import Tensors

/// A file that appears under its name whole or not at all: written beside it (`LockedTemporaryFile`), synced, renamed.
///
/// A link is followed, so that the file it points at is replaced and the link stays. What is no regular file (a
/// device, a FIFO, anything below `/dev`) is opened and written as it is.
final class AtomicFile {
  let descriptor: Descriptor
  private let temporary: String?
  private let target: String

  /// - Throws: `StageError.outputNotCreated`.
  init(_ path: String) throws {
    if path.isEmpty {
      throw StageError.usage("found an empty name for an output, expected a file or -")
    }
    target = try AtomicFile.resolved(path)
    var status = stat()
    let exists = stat(target, &status) == 0
    if path.hasPrefix("/dev/") || exists && status.st_mode & S_IFMT != S_IFREG {
      temporary = nil
      let number = open(path, O_WRONLY | O_CLOEXEC)
      guard number >= 0 else {
        throw StageError.outputNotCreated(printable(path), reason: systemError())
      }
      descriptor = Descriptor(number, name: printable(path), owned: true)
      return
    }
    let (folder, name) = AtomicFile.split(target)
    let beside = "\(AtomicFile.canonical(folder))/\(LockedTemporaryFile.name(for: name))"
    if Temporaries.contains(beside) {
      throw StageError.usage("two outputs to '\(path)'")
    }
    let (number, side) = try LockedTemporaryFile.create(beside, for: printable(path))
    // Not before it is known to be ours: a signal would remove another process's.
    Temporaries.add(side)
    if exists { _ = fchmod(number, status.st_mode & 0o7777) }
    temporary = side
    descriptor = Descriptor(number, name: printable(path), owned: true)
  }

  /// Whether it is written beside its name, and not as the pipe or device that it is.
  var isBeside: Bool { temporary != nil }

  /// What `--output` names: a file, or for nil and `-` standard output.
  ///
  /// - Throws: `StageError.outputNotCreated`.
  static func orStandardOutput(_ path: String?) throws -> (AtomicFile?, Descriptor) {
    guard let path, path != "-" else {
      return (nil, Descriptor(1, name: "<stdout>", owned: false))
    }
    let file = try AtomicFile(path)
    return (file, file.descriptor)
  }

  deinit { abandon() }

  /// Makes the file appear under its name.
  ///
  /// - Throws: `StageError.writing`.
  func commit() throws {
    guard let temporary else { return }
    guard fsync(descriptor.number) == 0 else {
      throw StageError.writing(descriptor.name, reason: systemError())
    }
    // From here on a signal leaves it: when it has got its name, the other may be a file of the next process's.
    Temporaries.remove(temporary)
    guard rename(temporary, target) == 0 else {
      let reason = systemError()
      _ = unlink(temporary)
      throw StageError.writing(descriptor.name, reason: reason)
    }
    try Self.syncFolder(AtomicFile.split(target).folder, name: descriptor.name)
  }

  /// Lets names in a folder reach the disk. Some file systems cannot sync a folder, and then do not
  /// need it.
  ///
  /// - Parameter name: what messages call the file whose name is new.
  /// - Throws: `StageError.writing`.
  static func syncFolder(_ folder: String, name: String) throws {
    let number = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if number < 0 { return }
    defer { _ = close(number) }
    if fsync(number) != 0 && ![EINVAL, ENOTSUP, EBADF, EROFS].contains(errno) {
      throw StageError.writing(name, reason: systemError())
    }
  }

  /// Removes what was written so far; harmless after `commit`.
  func abandon() {
    guard let temporary, Temporaries.remove(temporary) else { return }
    _ = unlink(temporary)
  }

  /// One name for a folder, however it was spelled, so that one file is not taken for two.
  private static func canonical(_ folder: String) -> String {
    guard let path = realpath(folder, nil) else { return folder }
    defer { free(path) }
    return String(cString: path)
  }

  /// The path with links followed, whether or not the last one's target exists.
  private static func resolved(_ path: String) throws -> String {
    if path.hasPrefix("/dev/") { return path }
    var path = path
    for _ in 0..<40 {
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
      let length = readlink(path, &buffer, buffer.count)
      if length < 0 { return path }
      let link = String(
        decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
      path = link.hasPrefix("/") ? link : "\(split(path).folder)/\(link)"
    }
    throw StageError.outputNotCreated(printable(path), reason: systemError(ELOOP))
  }

  static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let folder = path[..<slash]
    return (folder.isEmpty ? "/" : String(folder), String(path[path.index(after: slash)...]))
  }
}

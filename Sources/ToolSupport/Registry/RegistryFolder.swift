import CLibrary
import Tensors

/// One change of a registry's folder. Each happens whole or not at all, whenever the process ends,
/// and has reached the disk when it is done. Names are those within the folder.
enum RegistryChange: Equatable {
  case makeFolder(String)
  /// Gives a file this text.
  case write(String, text: String)
  /// Copies a file from outside the folder, whose bytes must have the hash.
  case copy(from: String, to: String, sha256: String)
  /// Lets a symbolic link name a file beside it.
  case point(String, to: String)
  /// Gives a file another name, which no file may have yet.
  case move(String, to: String)
  case remove(String)
}

/// The files of a registry's folder: reads them, and makes one change after another.
struct RegistryFolder {
  /// Without a slash at its end.
  let path: String
  /// Runs before each change; tests end a verb here.
  var willChange: (RegistryChange) throws -> Void = { _ in }

  func full(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes one change.
  ///
  /// - Throws: `StageError.outputNotCreated`, `.outputTaken`, `.writing`, `.changed`.
  func make(_ change: RegistryChange) throws {
    try willChange(change)
    switch change {
    case .makeFolder(let name):
      if mkdir(full(name), 0o777) != 0 && errno != EEXIST {
        throw StageError.outputNotCreated(printable(full(name)), reason: systemError())
      }
      try AtomicFile.syncFolder(AtomicFile.split(full(name)).folder, name: name)
    case .write(let name, let text):
      let file = try AtomicFile(full(name))
      try Array(text.utf8).withUnsafeBytes { try file.descriptor.write($0) }
      try file.commit()
    case .copy(let source, let name, let hash):
      let file = try AtomicFile(full(name))
      guard try sha256(of: source, writing: file.descriptor) == hash else {
        throw StageError.changed(printable(source))
      }
      try file.commit()
    case .point(let name, let target):
      let beside = full("\(AtomicFile.split(name).folder)/.\(AtomicFile.split(name).name).tmp")
      // A killed process may have left one.
      _ = unlink(beside)
      guard symlink(target, beside) == 0 else { throw failure(name) }
      try rename(beside, to: name)
    case .move(let name, let target):
      try sync(name)
      var status = stat()
      guard lstat(full(target), &status) != 0 else { throw failure(target, EEXIST) }
      try rename(full(name), to: target)
      try AtomicFile.syncFolder(AtomicFile.split(full(name)).folder, name: name)
    case .remove(let name):
      if unlink(full(name)) != 0 && errno != ENOENT { throw failure(name) }
      try AtomicFile.syncFolder(AtomicFile.split(full(name)).folder, name: name)
    }
  }

  private func rename(_ file: String, to name: String) throws {
    guard systemRename(file, full(name)) == 0 else { throw failure(name) }
    try AtomicFile.syncFolder(AtomicFile.split(full(name)).folder, name: name)
  }

  /// Lets a file's bytes reach the disk before its new name does. One that may not be read has
  /// nothing that is ours.
  private func sync(_ name: String) throws {
    let number = open(full(name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    if number < 0 && errno == EACCES { return }
    guard number >= 0 else { throw StageError.inputMissing(shown(name), reason: systemError()) }
    defer { _ = close(number) }
    guard fsync(number) == 0 else { throw failure(name) }
  }

  private func failure(_ name: String, _ number: Int32 = errno) -> StageError {
    .writing(shown(name), reason: systemError(number))
  }

  /// A name as messages show it.
  func shown(_ name: String) -> String { printable(name) }

  /// The text of a file; nil where there is none.
  ///
  /// - Throws: `StageError.inputMissing`, `.reading`, `.notText`, located.
  func text(_ name: String) throws -> String? {
    guard kind(name) != nil else { return nil }
    let descriptor = try Descriptor.reading(full(name))
    var bytes: [UInt8] = []
    try descriptor.eachPiece { bytes += $0 }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw locatedError(shown(name), StageError.notText)
    }
    return text
  }

  /// The name that a symbolic link holds; nil where there is no link.
  func link(_ name: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(full(name), &buffer, buffer.count)
    if length < 0 { return nil }
    return String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  enum Kind { case file, folder, other }

  /// What has the name, itself and not what a link leads to; nil for nothing.
  func kind(_ name: String) -> Kind? {
    var status = stat()
    guard lstat(full(name), &status) == 0 else { return nil }
    return switch status.st_mode & S_IFMT {
    case S_IFREG: .file
    case S_IFDIR: .folder
    default: .other
    }
  }

  func exists(_ name: String) -> Bool { kind(name) != nil }

  /// The file system that a folder is on.
  ///
  /// - Throws: `StageError.inputMissing` where there is no such folder.
  func device(of name: String) throws -> UInt64 {
    let folder = name.isEmpty ? path : full(name)
    var status = stat()
    guard stat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw StageError.inputMissing(
        printable(folder), reason: "no such folder (retrain.sh --init makes it)")
    }
    return UInt64(status.st_dev)
  }

  /// The names in a folder, in the order of their bytes; nil for each that is no UTF-8.
  ///
  /// - Throws: `StageError.inputMissing`, `.reading`.
  func names(in folder: String) throws -> [String?] {
    guard let stream = opendir(full(folder)) else {
      throw StageError.inputMissing(shown(folder), reason: systemError())
    }
    defer { closedir(stream) }
    var names: [String?] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
      errno = 0
    }
    if errno != 0 { throw StageError.reading(shown(folder), reason: systemError()) }
    return names.sorted { ($0 ?? "").utf8.lexicographicallyPrecedes(($1 ?? "").utf8) }
  }
}

/// The one verb at a time that may change a registry: an exclusive `flock` on the folder's file
/// `lock`, which the kernel frees when the last process that has it open ends.
final class RegistryLock {
  private let number: Int32
  private let isOwned: Bool

  /// - Parameter descriptor: one of the lock file that the caller has open, and which then holds
  ///   the lock for as long as the caller likes; nil to open the file for this verb alone.
  /// - Throws: `StageError.locked` when another process has it; `.usage` for a descriptor of
  ///   another file; `.outputNotCreated`.
  init(_ path: String, descriptor: Int32?) throws {
    if let descriptor {
      var (named, opened) = (stat(), stat())
      guard stat(path, &named) == 0, fstat(descriptor, &opened) == 0,
        named.st_ino == opened.st_ino, named.st_dev == opened.st_dev
      else {
        throw StageError.usage(
          "--lock: found descriptor \(descriptor), expected one that is open on \(printable(path))")
      }
      (number, isOwned) = (descriptor, false)
    } else {
      number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
      isOwned = true
    }
    guard number >= 0 else {
      throw StageError.outputNotCreated(printable(path), reason: systemError())
    }
    while flock(number, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      let (isTaken, reason) = (errno == EWOULDBLOCK, systemError())
      if isOwned { _ = close(number) }
      throw isTaken
        ? StageError.locked(printable(AtomicFile.split(path).folder))
        : StageError.outputNotCreated(printable(path), reason: reason)
    }
  }

  deinit { if isOwned { _ = close(number) } }
}

/// The SHA-256 of a file's bytes, in hex.
///
/// - Parameter copy: where to write the bytes too.
/// - Throws: `StageError.inputMissing`, `.reading`, `.writing`.
func sha256(of path: String, writing copy: Descriptor? = nil) throws -> String {
  let descriptor = try Descriptor.reading(path)
  var hash = SHA256()
  try descriptor.eachPiece {
    hash.update($0)
    try copy?.write($0)
  }
  return hash.hex
}

/// This moment in UTC, as tables have it.
func timestamp() -> String {
  var now = time(nil)
  var parts = tm()
  gmtime_r(&now, &parts)
  var buffer = [CChar](repeating: 0, count: 32)
  let count = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
  return String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

extension Descriptor {
  /// Hands over everything up to the end, piece by piece.
  fileprivate func eachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    try buffer.withUnsafeMutableBytes { buffer in
      while true {
        let count = try read(into: buffer, watching: nil)
        if count == 0 { return }
        try body(UnsafeRawBufferPointer(rebasing: buffer.prefix(count)))
      }
    }
  }
}

/// The C library's `rename`, whose name a method hides.
private func systemRename(_ old: String, _ new: String) -> Int32 { rename(old, new) }

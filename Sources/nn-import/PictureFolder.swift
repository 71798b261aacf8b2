import Formats
import Stages
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The pictures of a folder: those of the folders in it, which are the classes, or where it has none, its own.
///
/// Names that begin with a point are passed over. The order is that of the names' bytes, so it is the same everywhere.
struct PictureFolder {
  /// As messages show it.
  let name: String
  /// In the order of their ids; nil where the folder has no folders.
  let classes: [String]?
  private let files: [(path: String, id: Int)]

  /// - Returns: nil where the path is no folder.
  /// - Throws: `StageError.inputMissing`, `FolderFault`.
  init?(_ path: String) throws {
    guard kind(of: path) == .folder else { return nil }
    name = printable(path)
    let entries = try visibleEntries(of: path)
    let folders = entries.filter { $0.kind == .folder }
    if folders.isEmpty {
      classes = nil
      files = entries.map { (path + "/" + $0.name, 0) }
    } else {
      if let file = entries.first(where: { $0.kind != .folder }) {
        throw FolderFault.besideClasses(file.name).located(name)
      }
      classes = folders.map(\.name)
      files = try folders.enumerated().flatMap { id, folder in
        let inside = path + "/" + folder.name
        let entries = try visibleEntries(of: inside)
        if entries.isEmpty { throw FolderFault.emptyClass.located(printable(inside)) }
        if let nested = entries.first(where: { $0.kind == .folder }) {
          throw FolderFault.nested.located(printable(inside + "/" + nested.name))
        }
        return entries.map { (inside + "/" + $0.name, id) }
      }
    }
  }

  /// The classes of the pictures, [N]; nil where there are none.
  var ids: Tensor? { classes.map { _ in Tensor(files.map { Int64($0.id) }) } }

  /// The pictures, [N, C, H, W].
  ///
  /// - Parameter limit: the most bytes of all of them.
  /// - Throws: `StageError`, `FormatError`, `FolderFault`.
  func read(limit: Int) throws -> Tensor {
    var pictures = PictureStack(limit: limit)
    for (number, file) in files.enumerated() {
      let input = try BytesInput(file.path, as: "a picture")
      let bytes = try input.bytes()
      try locating(input.name) {
        try bytes.withUnsafeBytes { bytes in
          guard PictureStack.looksLikePicture(bytes) else { throw FolderFault.noPicture }
          try pictures.append(contentsOf: bytes)
        }
        // Else what follows would have the classes of others.
        if pictures.count > number + 1 { throw FolderFault.severalPictures }
      }
    }
    return try locating(name) { try pictures.tensor() }
  }
}

/// What makes of a folder no dataset.
enum FolderFault: Fault {
  case besideClasses(String)
  case emptyClass
  case nested
  case notAFile
  case nameNotUTF8
  case noPicture
  case severalPictures

  var description: String {
    switch self {
    case .besideClasses(let name):
      "found \(quoted(name)) beside folders, expected all pictures in the folders of their classes"
    case .emptyClass: "found no picture, expected at least one of every class"
    case .nested: "found a folder inside of a class, expected only pictures"
    case .notAFile: "found neither a file nor a folder, expected a picture"
    case .nameNotUTF8: "found a name that is not UTF-8"
    case .noPicture: "found no picture, expected PNG or netpbm's PGM or PPM"
    case .severalPictures: "found several pictures in one file, expected one a file in a folder"
    }
  }

  func located(_ place: String) -> any Error { locatedError(place, self) }
}

private enum Kind { case file, folder }

/// What a path leads to; nil for what is not there, or neither: who opened a pipe might wait for ever.
private func kind(of path: String) -> Kind? {
  var status = stat()
  if stat(path, &status) != 0 { return nil }
  return switch status.st_mode & S_IFMT {
  case S_IFDIR: .folder
  case S_IFREG: .file
  default: nil
  }
}

/// What is in a folder, in the order of the names' bytes, but for names that begin with a point.
private func visibleEntries(of folder: String) throws -> [(name: String, kind: Kind)] {
  guard let stream = opendir(folder) else {
    throw StageError.inputMissing(printable(folder), reason: systemError())
  }
  defer { closedir(stream) }
  var names: [String] = []
  errno = 0
  while let entry = readdir(stream) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    guard let name else { throw FolderFault.nameNotUTF8.located(printable(folder)) }
    if !name.hasPrefix(".") { names.append(name) }
    errno = 0
  }
  if errno != 0 { throw StageError.inputMissing(printable(folder), reason: systemError()) }
  return try names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { name in
    let path = folder + "/" + name
    guard let kind = kind(of: path) else {
      var status = stat()
      if stat(path, &status) != 0 {
        throw StageError.inputMissing(printable(path), reason: systemError())
      }
      throw FolderFault.notAFile.located(printable(path))
    }
    return (name, kind)
  }
}

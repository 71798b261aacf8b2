import CLibrary
import Formats
import Tensors
import ToolSupport

/// The pictures of a folder: those of the folders in it, which are the classes, or where it has none, its own.
///
/// Names that begin with a point are passed over. The order is that of the names' bytes, so it is the same everywhere.
struct PictureFolder {
  /// As messages show it.
  let name: String
  /// In the order of their ids; nil where the folder has no folders.
  let classes: [String]?
  /// The classes of the pictures, [N]; nil likewise.
  let ids: Tensor?
  private let paths: [String]

  /// - Returns: nil where the path is no folder.
  /// - Throws: `StageError.inputMissing`, `FolderFault`.
  init?(_ path: String) throws {
    guard (try? Kind(of: path)) == .folder else { return nil }
    name = printable(path)
    let entries = try Entry.visible(in: path)
    let folders = entries.filter { $0.kind == .folder }
    if folders.isEmpty {
      (classes, ids) = (nil, nil)
      paths = entries.map(\.path)
      return
    }
    if let file = entries.first(where: { $0.kind != .folder }) {
      throw locatedError(name, FolderFault.besideClasses(file.name))
    }
    let pictures = try folders.map { folder in
      let pictures = try Entry.visible(in: folder.path)
      if pictures.isEmpty { throw locatedError(printable(folder.path), FolderFault.emptyClass) }
      if let nested = pictures.first(where: { $0.kind == .folder }) {
        throw locatedError(printable(nested.path), FolderFault.nested)
      }
      return pictures
    }
    classes = folders.map(\.name)
    ids = Tensor(pictures.enumerated().flatMap { id, some in some.map { _ in Int64(id) } })
    paths = pictures.joined().map(\.path)
  }

  /// The pictures, [N, C, H, W].
  ///
  /// - Parameter limit: the most bytes of all of them.
  /// - Throws: `StageError`, `FormatError`, `FolderFault`.
  func read(limit: Int) throws -> Tensor {
    var pictures = PictureStack(limit: limit)
    for (number, path) in paths.enumerated() {
      let input = try BytesInput(path, as: "a picture")
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
}

/// What a path leads to.
private enum Kind {
  case file, folder
  /// Such as a pipe: who opened it might wait for ever.
  case other

  /// - Throws: `StageError.inputMissing`.
  init(of path: String) throws {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw StageError.inputMissing(printable(path), reason: systemError())
    }
    self =
      switch status.st_mode & S_IFMT {
      case S_IFDIR: .folder
      case S_IFREG: .file
      default: .other
      }
  }
}

private struct Entry {
  let path, name: String
  let kind: Kind

  /// What is in a folder, in the order of the names' bytes, but for names that begin with a point.
  static func visible(in folder: String) throws -> [Entry] {
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
      guard let name else { throw locatedError(printable(folder), FolderFault.nameNotUTF8) }
      if !name.hasPrefix(".") { names.append(name) }
      errno = 0
    }
    if errno != 0 { throw StageError.inputMissing(printable(folder), reason: systemError()) }
    return try names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { name in
      let path = folder + "/" + name
      let kind = try Kind(of: path)
      if kind == .other { throw locatedError(printable(path), FolderFault.notAFile) }
      return Entry(path: path, name: name, kind: kind)
    }
  }
}

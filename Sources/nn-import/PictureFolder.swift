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
    guard isFolder(path) else { return nil }
    name = printable(path)
    let names = try visibleNames(in: path)
    let folders = names.filter { isFolder(path + "/" + $0) }
    if folders.isEmpty {
      classes = nil
      files = names.map { (path + "/" + $0, 0) }
    } else {
      if let file = names.first(where: { !folders.contains($0) }) {
        throw FolderFault.besideClasses(file).located(name)
      }
      classes = folders
      files = try folders.enumerated().flatMap { id, folder in
        let inside = path + "/" + folder
        let names = try visibleNames(in: inside)
        if names.isEmpty { throw FolderFault.emptyClass.located(printable(inside)) }
        return names.map { (inside + "/" + $0, id) }
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
  case nameNotUTF8
  case noPicture
  case severalPictures

  var description: String {
    switch self {
    case .besideClasses(let name):
      "found \(quoted(name)) beside folders, expected all pictures in the folders of their classes"
    case .emptyClass: "found no picture, expected at least one of every class"
    case .nameNotUTF8: "found a name that is not UTF-8"
    case .noPicture: "found no picture, expected PNG or netpbm's PGM or PPM"
    case .severalPictures: "found several pictures in one file, expected one a file in a folder"
    }
  }

  func located(_ place: String) -> any Error { locatedError(place, self) }
}

private func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The names in a folder that do not begin with a point, in the order of their bytes.
private func visibleNames(in folder: String) throws -> [String] {
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
  }
  if errno != 0 { throw StageError.inputMissing(printable(folder), reason: systemError()) }
  return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
}

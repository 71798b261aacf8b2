import Foundation
import Scratch

extension Scratch {
  /// A folder of links to the programs in which some are scripts of ours.
  ///
  /// - Parameter scripts: for a program's name what to run instead, under bash; `$tool` is the program itself.
  /// - Returns: the folder's path, for `NN_BIN`.
  func tools(changing scripts: [String: String]) throws -> String {
    let folder = url.appending(path: "tools")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    let names = try FileManager.default.contentsOfDirectory(atPath: Tool.folder.path)
      .filter { $0.hasPrefix("nn-") && !$0.contains(".") }
    for name in names {
      let tool = Tool.folder.appending(path: name)
      let link = folder.appending(path: name)
      guard let script = scripts[name] else {
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: tool)
        continue
      }
      try write("tools/\(name)", "#!/bin/bash\ntool='\(tool.path)'\n\(script)\n")
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: link.path)
    }
    return folder.path
  }
}

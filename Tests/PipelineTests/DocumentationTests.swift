import Foundation
import Testing

/// Tables in docs/ that can be wrong.
struct DocumentationTests {
  private func text(_ path: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "../..")
    return try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The names in backticks of a table row's first cell.
  private func names(inFirstCellOf row: Substring) -> [String] {
    let cells = row.split(separator: "|", omittingEmptySubsequences: false)
    guard cells.count > 2, cells[0].isEmpty else { return [] }
    return cells[1].split(separator: "`", omittingEmptySubsequences: false).enumerated()
      .filter { $0.offset % 2 == 1 }.map { String($0.element) }
  }

  /// What stands between quotes after each of the calls that declare a target.
  private func targets(in manifest: String) -> Set<String> {
    let calls = [
      #"library\(\s*"(\w+)""#, #"kernels\(\s*"(\w+)""#, #"\.target\(\s*name: "(\w+)""#,
      #"\.systemLibrary\(\s*name: "(\w+)""#,
    ]
    var found = Set<String>()
    for call in calls {
      guard let pattern = try? Regex(call, as: (Substring, Substring).self) else { continue }
      found.formUnion(manifest.matches(of: pattern).map { String($0.output.1) })
    }
    // They help tests.
    return found.subtracting(["Comparison", "Scratch"])
  }

  @Test func everyModuleHasALineInTheMap() throws {
    let map = try text("docs/ARCHITECTURE.md")
    let section = try #require(map.components(separatedBy: "## Modules").last)
      .components(separatedBy: "\n## ")[0]
    let listed = section.split(separator: "\n").flatMap(names)
    #expect(listed.count > 10 && Set(listed).count == listed.count)
    #expect(Set(listed) == targets(in: try text("Package.swift")))
  }
}

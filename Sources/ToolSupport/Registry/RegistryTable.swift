import Tensors

/// What makes a registry's folder one that no verb works on.
enum RegistryFault: Fault, Equatable {
  case emptyTable(columns: [String])
  case wrongColumns(line: Int, found: Int, expected: Int)
  case badIntent(line: Int, found: String)
  case badSums(line: Int, found: String)
  case holdoutChanged
  case noContent(found: String)
  case badRows(found: String)
  case refusedCheck(String)
  case wrongVerdict(found: String, expected: String)

  var description: String {
    switch self {
    case .emptyTable(let columns):
      "found an empty file, expected a table of the columns " + columns.joined(separator: ", ")
    case .wrongColumns(let line, let found, let expected):
      "line \(line): found \(found) columns, expected \(expected)"
    case .badIntent(let line, let found):
      "line \(line): found \(quoted(found)), "
        + "expected a switch, a promotion and lines of learned.tsv"
    case .badSums(let line, let found):
      "line \(line): found \(quoted(found)), expected 64 hex digits, two spaces and a file's name"
    case .holdoutChanged:
      "it is not what it was, so models do not compare"
    case .noContent(let found):
      "content: found \(quoted(found)), expected the 32 hex digits that nn-check prints"
    case .badRows(let found): "rows: found \(quoted(found)), expected a whole number"
    case .refusedCheck(let check):
      "found that \(printable(check)) is refused, expected checks that are all good"
    case .wrongVerdict(let found, let expected): "found \(quoted(found)), expected \(expected)"
    }
  }
}

/// A tab-separated table with a header: `learned.tsv` or `promotions.tsv`.
struct RegistryTable: Equatable {
  /// A line for each time that data was accepted, learned or learned in vain.
  static let learnedColumns = ["time", "data", "rows", "file", "outcome", "model", "reason"]
  /// A line for each time that a model took another's place.
  static let promotionColumns = [
    "time", "old", "new", "examples", "old_loss", "new_loss", "gain", "gain_low", "gain_high",
    "old_accuracy", "new_accuracy", "worst_class", "worst_class_fall", "reason",
  ]

  let columns: [String]
  private(set) var rows: [[String]] = []

  /// - Parameter text: the file's; nil for a file that is not there yet: a table without rows.
  /// - Throws: `RegistryFault`; `StageError.otherColumns`.
  init(_ text: String?, columns: [String]) throws {
    self.columns = columns
    guard let text else { return }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if text.isEmpty { throw RegistryFault.emptyTable(columns: columns) }
    guard lines[0].fields == columns else {
      throw StageError.otherColumns(
        found: String(lines[0]), expected: columns.joined(separator: "\t"))
    }
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let row = line.fields
      guard row.count == columns.count else {
        throw RegistryFault.wrongColumns(
          line: index + 1, found: row.count, expected: columns.count)
      }
      rows.append(row)
    }
  }

  /// Adds those of the rows that the table lacks; whether there were any.
  mutating func add(_ new: [[String]]) -> Bool {
    let before = rows.count
    for row in new where !rows.contains(row) { rows.append(row) }
    return rows.count > before
  }

  var text: String {
    ([columns] + rows).map { $0.joined(separator: "\t") + "\n" }.joined()
  }
}

/// What the ledger of data knows about one dataset of the archive, by its content.
struct Learning {
  /// How often challengers that were not promoted have learned it.
  private(set) var timesKept = 0
  /// Whether a promoted model has learned it.
  private(set) var isLearned = false
  /// Its rows and its file's name as it was accepted.
  private(set) var rows = "", file = ""

  /// - Parameter table: `learned.tsv`.
  static func all(in table: RegistryTable) -> [String: Learning] {
    var result: [String: Learning] = [:]
    for row in table.rows { result[row[1], default: Learning()].note(row) }
    return result
  }

  private mutating func note(_ row: [String]) {
    switch row[4] {
    case "accepted": (rows, file) = (row[2], row[3])
    case "kept": timesKept += 1
    case "promoted", "start": isLearned = true
    default: break
    }
  }

  /// Whether the data counts as `state`; data that `tries` challengers learned in vain is old.
  func `is`(_ state: DataState, tries: Int) -> Bool {
    let isOld = isLearned || timesKept >= tries
    switch state {
    case .learned, .beside: return isOld
    case .waiting: return !isOld
    case .fresh: return !isOld && timesKept == 0
    }
  }
}

/// What data of the archive is to a run.
public enum DataState: String, CaseIterable, OptionValue {
  /// Data that was never learned.
  case fresh
  /// Fresh data, and data that was learned in vain, but not too often.
  case waiting
  /// Data that a promoted model has learned, and data that was learned in vain often enough.
  case learned
  /// What new data is compared with: the learned, or where there is none, the waiting.
  case beside
}

/// A promotion under way: the change of the links, and the lines that come after it in the tables.
struct RegistryIntent: Equatable {
  /// The model that was in use; nil for none.
  let old: String?
  let new: String
  /// A row of `promotions.tsv`.
  let promotion: [String]
  /// Rows of `learned.tsv`.
  let learned: [[String]]

  init(old: String?, new: String, promotion: [String], learned: [[String]]) {
    (self.old, self.new, self.promotion, self.learned) = (old, new, promotion, learned)
  }

  /// - Throws: `RegistryFault.badIntent`, `.wrongColumns`.
  init(_ text: String) throws {
    var change: [String]?
    var (promotion, learned): ([String]?, [[String]]) = (nil, [])
    for (index, line) in text.split(separator: "\n").enumerated() {
      let fields = line.fields
      let expected: Int
      switch fields[0] {
      case "switch" where change == nil && fields.count == 3 && isModelName(fields[2]):
        (change, expected) = (fields, 2)
      case "promotion" where promotion == nil:
        expected = RegistryTable.promotionColumns.count
        promotion = Array(fields.dropFirst())
      case "learned":
        expected = RegistryTable.learnedColumns.count
        learned.append(Array(fields.dropFirst()))
      default: throw RegistryFault.badIntent(line: index + 1, found: String(line))
      }
      guard fields.count == expected + 1 else {
        throw RegistryFault.wrongColumns(
          line: index + 1, found: fields.count - 1, expected: expected)
      }
    }
    guard let change, let promotion else { throw RegistryFault.badIntent(line: 1, found: text) }
    self.init(
      old: change[1].isEmpty ? nil : change[1], new: change[2], promotion: promotion,
      learned: learned)
  }

  var text: String {
    ([["switch", old ?? "", new], ["promotion"] + promotion] + learned.map { ["learned"] + $0 })
      .map { $0.joined(separator: "\t") + "\n" }.joined()
  }
}

extension StringProtocol {
  /// The fields of a line of a table, empty ones too.
  var fields: [String] {
    split(separator: "\t" as Character, omittingEmptySubsequences: false).map { String($0) }
  }
}

/// Whether so many bytes of the text, and no others, are hex digits as hashes have them.
func isHex(_ text: some StringProtocol, digits: Int) -> Bool {
  text.utf8.count == digits
    && text.utf8.allSatisfy {
      UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 || UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0
    }
}

/// The hash that a dataset of the archive or a model is named by; nil for other names.
func hashInName(_ name: String) -> String? {
  guard let ending = documentEnding(of: name) else { return nil }
  let hash = String(name.dropLast(ending.count))
  return isHex(hash, digits: 32) ? hash : nil
}

func isModelName(_ name: String) -> Bool { hashInName(name) != nil }

/// `.safetensors.gz` or `.safetensors`; nil for names that end otherwise.
func documentEnding(of name: String) -> String? {
  [".safetensors.gz", ".safetensors"].first { name.hasSuffix($0) }
}

/// The models that are kept: the last `count` that were promoted, each counted once.
func lastPromoted(_ table: RegistryTable, _ count: Int) -> Set<String> {
  var kept = Set<String>()
  for row in table.rows.reversed() where kept.count < count { kept.insert(row[2]) }
  return kept
}

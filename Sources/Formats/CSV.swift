import Tensors

/// Tables of numbers as text: a row a line, cells between commas or tabs.
///
/// RFC 4180, UTF-8, a byte order mark allowed. Tabs separate the cells if the first line has one outside
/// quotes, else commas. The first line is a header when none of its cells is a number. Numbers are
/// decimal, as `-1.5e-3`, and finite; nothing stands for a missing one.
public enum CSV {
  /// Which columns of a table are not inputs; each named by its name in the header line or its number
  /// from 1.
  public struct ColumnChoice: Sendable {
    /// The column of class ids or class names.
    public var classColumn: String?
    /// The columns of real targets, in the order of the outputs.
    public var targetColumns: [String]

    public init(classColumn: String? = nil, targetColumns: [String] = []) {
      self.classColumn = classColumn
      self.targetColumns = targetColumns
    }
  }

  /// A table as tensors.
  public struct Dataset: Sendable {
    /// The columns that are no targets: F64 [N, I].
    public let input: Tensor
    /// Class ids, I64 [N]; or target columns, F64 [N, K]; nil when none were chosen.
    public let target: Tensor?
    /// The name of each class, if the class column holds names: ids count in the order of the names'
    /// UTF-8 bytes.
    public let classes: [String]?
  }

  /// The numbers of a table, with the chosen columns as targets and the others as inputs.
  ///
  /// A class column holds whole numbers from 0, which are the ids, or words that are no numbers, which
  /// are names; never both. Throws `FormatError` for the first broken rule.
  public static func dataset(
    from bytes: UnsafeRawBufferPointer, columns: ColumnChoice = ColumnChoice()
  ) throws -> Dataset {
    if columns.classColumn != nil && !columns.targetColumns.isEmpty {
      throw FormatError.classAndTargets
    }
    let table = try Table(bytes)
    let classColumn = try columns.classColumn.map(table.column)
    let targets = try columns.targetColumns.map(table.column)
    let chosen = classColumn.map { [$0] } ?? targets
    for (index, column) in chosen.enumerated() where chosen[..<index].contains(column) {
      throw FormatError.columnChosenTwice(column + 1, name: table.header?[column])
    }
    let inputs = (0..<table.columnCount).filter { !chosen.contains($0) }
    if inputs.isEmpty { throw FormatError.noInputColumn }

    let input = try table.numbers(ofColumns: inputs)
    if let classColumn {
      let (ids, names) = try table.classes(ofColumn: classColumn)
      return Dataset(input: input, target: ids, classes: names)
    }
    let target = targets.isEmpty ? nil : try table.numbers(ofColumns: targets)
    return Dataset(input: input, target: target, classes: nil)
  }
}

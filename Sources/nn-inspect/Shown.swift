import Safetensors
import Tensors
import ToolSupport

/// A document as text for people.
struct Shown {
  private let metadata: [(key: String, value: String)]
  private let tensors: [(name: String, tensor: Tensor)]

  /// - Parameter names: the tensors to show; none for all, and the metadata.
  /// - Throws: `DocumentError.missingTensor` for a name that the document lacks.
  init(_ document: Document, only names: [String]) throws {
    if names.isEmpty {
      metadata = document.metadata.sorted { $0.key < $1.key }
      tensors = document.tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    } else {
      metadata = []
      tensors = try names.map { ($0, try document.tensor($0)) }
    }
  }

  /// The metadata, then a line for each tensor.
  func summary() -> String {
    var text = ""
    for (key, value) in metadata {
      let lines = value.split(separator: "\n", omittingEmptySubsequences: true)
      if lines.count <= 1 {
        text += "\(printable(key)): \(printable(value))\n"
      } else {
        text += "\(printable(key)):\n" + lines.map { "  \(printable(String($0)))\n" }.joined()
      }
    }
    if tensors.isEmpty { return text }
    let header = ["tensor", "type", "shape", "min", "max", "mean", "std", "zeros", "NaNs"]
    let rows = tensors.map { name, tensor in
      let statistics = Statistics(tensor)
      return [
        printable(name), tensor.dtype.rawValue, tensor.shape.description,
        short(statistics.minimum), short(statistics.maximum), short(statistics.mean),
        short(statistics.standardDeviation), String(statistics.zeros), String(statistics.nans),
      ]
    }
    return text + table([header] + rows)
  }

  /// For each tensor a line that names it, then its numbers, a row of the last axis a line.
  func values() -> String {
    var text = ""
    for (name, tensor) in tensors {
      text += "# \(printable(name)) \(tensor.dtype.rawValue) \(tensor.shape)\n"
      let numbers = exact(tensor)
      let width = max(tensor.shape.dimensions.last ?? 1, 1)
      for start in stride(from: 0, to: numbers.count, by: width) {
        text += numbers[start..<start + width].joined(separator: "\t") + "\n"
      }
    }
    return text
  }

  /// Every element as the shortest decimal that reads back as the same element.
  private func exact(_ tensor: Tensor) -> [String] {
    switch tensor.dtype {
    case .f32: return tensor.values(of: Float.self).map { decimal($0) }
    case .i64: return tensor.values(of: Int64.self).map(String.init)
    case .u64: return tensor.values(of: UInt64.self).map(String.init)
    case .c64:
      let parts = tensor.values(of: ComplexParts.self)
      return parts.map {
        "\(decimal($0.real))\($0.imaginary.sign == .minus ? "-" : "+")"
          + "\(decimal($0.imaginary.magnitude))i"
      }
    default: return tensor.doubles().map { decimal($0) }
    }
  }

  /// A number with six digits: `0.00123457`.
  private func short(_ value: Double?) -> String {
    guard let value else { return "-" }
    if value.magnitude < 1e15, value == value.rounded() { return decimal(value) }
    return rounded(value, digits: 6)
  }
}

/// An element of a C64 tensor.
private struct ComplexParts: TensorElement {
  static var dtype: DType { .c64 }
  let real: Float
  let imaginary: Float
}

/// Rows of cells in columns: text to the left, numbers (all but the first three columns) to the right.
private func table(_ rows: [[String]]) -> String {
  let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  return rows.map { row in
    let cells = row.indices.map { column in
      let padding = String(repeating: " ", count: widths[column] - row[column].count)
      return column < 3 ? row[column] + padding : padding + row[column]
    }
    return cells.joined(separator: "  ") + "\n"
  }.joined()
}

import Tensors

/// A document that is well-formed safetensors but not what a stage can use.
public enum DocumentError: Fault, Equatable {
  case newerFormat(String)
  case unknownKey(String)
  case unknownKind(String)
  case wrongKind(found: String?, expected: [Kind])
  case missingKey(Key)
  case malformed(Key, found: String, expected: String)
  case missingTensor(String, kind: Kind?)
  case unexpectedTensor(String, reason: String)
  case wrongShape(String, found: Shape, expected: String)
  case wrongDType(String, found: DType, expected: String)
  case notFinite(String, value: Double, position: [Int], count: Int, of: Int)
  case notFiniteData(String, value: Double, position: [Int])
  case differs(Key, found: String?, expected: String?, of: String)
  case noExamples(String)
  case negativeRow(Int64)

  public var isNumerical: Bool {
    if case .notFinite = self { true } else { false }
  }

  public var description: String {
    switch self {
    case .newerFormat(let version):
      "nn.format: found '\(version)', this program reads \(formatVersion)"
    case .unknownKey(let key):
      "metadata: unknown key '\(key)'"
    case .unknownKind(let kind):
      "nn.kind: unknown kind '\(kind)'"
    case .wrongKind(let found, let expected):
      "found \(found.map { "a \($0)" } ?? "a document without nn.kind"), expected "
        + expected.map { "a \($0.rawValue) (\($0.writer) writes one)" }.joined(separator: " or ")
    case .missingKey(let key):
      "metadata: '\(key.rawValue)' is missing"
    case .malformed(let key, let found, let expected):
      "\(key.rawValue): found '\(found)', expected \(expected)"
    case .missingTensor(let name, let kind):
      "tensor '\(name)' is missing" + (kind.map { " from the \($0.rawValue)" } ?? "")
    case .unexpectedTensor(let name, let reason):
      "tensor '\(name)': \(reason)"
    case .wrongShape(let name, let found, let expected):
      "tensor '\(name)': found shape \(found), expected \(expected)"
    case .wrongDType(let name, let found, let expected):
      "tensor '\(name)': found \(found.rawValue), expected \(expected)"
    case .notFinite(let name, let value, let position, let count, let total):
      "tensor '\(name)': found \(value.isNaN ? .nan : value) at \(position), expected finite numbers"
        + (count > 1 ? " (\(count) of \(total) are not)" : "")
    case .notFiniteData(let name, let value, let position):
      "tensor '\(name)': found \(value.isNaN ? .nan : value) at \(position), expected finite numbers"
    case .differs(let key, let found, let expected, let other):
      "\(key.rawValue): found \(found.map { "'\($0)'" } ?? "none"), expected "
        + "\(expected.map { "'\($0)'" } ?? "none") as \(other) has it"
    case .noExamples(let name):
      "tensor '\(name)': no examples"
    case .negativeRow(let row):
      "tensor 'index': found row \(row), expected 0 or above"
    }
  }
}

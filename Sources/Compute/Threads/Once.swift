/// A value that is made when it is first asked for, and kept.
public final class Once<Value: Sendable>: @unchecked Sendable {
  private let lock = Lock()
  private var kept: Value?
  private let make: @Sendable () -> Value

  public init(_ make: @escaping @Sendable () -> Value) { self.make = make }

  public var value: Value {
    lock.withLock {
      if let kept { return kept }
      let value = make()
      kept = value
      return value
    }
  }
}

/// How much of each kind of trouble a dataset may hold.
public struct Limits: Sendable {
  /// Between which all input numbers must lie; nil for any.
  public var range: ClosedRange<Double>?
  /// The share of numbers outside the range of their column in what was learned, besides those that
  /// are so by chance.
  public var outside = 0.01
  /// How many times wider or narrower than what was learned the input's numbers may spread.
  public var spread = 4.0
  /// How far the shares of the classes may be from those of what was learned, besides what chance
  /// does to few rows.
  public var balance = 0.5
  /// The share of rows that repeat an earlier row's input.
  public var duplicates = 0.01
  /// The share of rows whose input is in the holdout.
  public var leaked = 0.0

  public init() {}
}

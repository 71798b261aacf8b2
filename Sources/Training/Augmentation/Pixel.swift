import Tensors

/// A type that pictures come in, and the one to reckon with it.
protocol Pixel: TensorElement {
  associatedtype Value: BinaryFloatingPoint
  var value: Value { get }
  /// The value itself, or for integers the nearest one, ties to even, within the type.
  init(nearest value: Value)
}

extension Float: Pixel {
  var value: Float { self }
  init(nearest value: Float) { self = value }
}

extension Double: Pixel {
  var value: Double { self }
  init(nearest value: Double) { self = value }
}

extension Pixel where Self: FixedWidthInteger, Value == Float {
  var value: Float { Float(self) }
  init(nearest value: Float) {
    let clamped = Swift.min(Swift.max(value, Float(Self.min)), Float(Self.max))
    // Behind the point a Float of this size keeps nothing: adding and taking it away rounds, and no function is called.
    self = Self((clamped + 0x1.8p23) - 0x1.8p23)
  }
}

extension UInt8: Pixel { typealias Value = Float }
extension Int8: Pixel { typealias Value = Float }
extension UInt16: Pixel { typealias Value = Float }
extension Int16: Pixel { typealias Value = Float }

/// A window that moves over pictures: the kernel of a convolution, or what a pooling looks at.
public struct Window: Sendable, Equatable {
  /// A window along one axis of the picture.
  public struct Axis: Sendable, Equatable {
    /// Elements of the window.
    public let length: Int
    /// Elements of the picture from one place of the window to the next.
    public let stride: Int
    /// Elements added to the picture at each end.
    public let padding: Int
    /// Elements of the picture from one element of the window to the next.
    public let dilation: Int

    public init(_ length: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1) {
      precondition(
        length >= 1 && stride >= 1 && padding >= 0 && dilation >= 1,
        "window of \(length), stride \(stride), padding \(padding), dilation \(dilation)")
      (self.length, self.stride, self.padding, self.dilation) = (length, stride, padding, dilation)
    }

    /// What the window covers of the padded picture: dilation · (length − 1) + 1.
    public var span: Int { dilation * (length - 1) + 1 }

    /// The places of the window: (extent + 2 · padding − span) / stride + 1, rounded down; 0 where the
    /// padded picture is smaller than the window.
    public func places(over extent: Int) -> Int {
      let rest = extent + 2 * padding - span
      return rest < 0 ? 0 : rest / stride + 1
    }

    /// The places at which the window's element `tap` lies on the picture itself, not on its padding.
    @inlinable
    public func places(over extent: Int, reachedBy tap: Int) -> Range<Int> {
      let start = position(place: 0, tap: tap)
      let places = places(over: extent)
      let lower = start < 0 ? (stride - 1 - start) / stride : 0
      let upper = start < extent ? min(places, (extent - start - 1) / stride + 1) : 0
      return lower < upper ? lower..<upper : 0..<0
    }

    /// Where the window's element `tap` lies on the picture; negative or beyond its end on the padding.
    @inlinable
    public func position(place: Int, tap: Int) -> Int {
      place * stride + tap * dilation - padding
    }

    /// The part of the picture that the window covers at `place`; of a window without gaps.
    @inlinable
    public func covered(at place: Int, over extent: Int) -> Range<Int> {
      let start = place * stride - padding
      return max(0, start)..<min(extent, start + length)
    }

    /// Whether the window sees every element once, by itself and in order.
    public var isPoint: Bool { length == 1 && stride == 1 && padding == 0 }
  }

  public let height: Axis
  public let width: Axis

  public init(height: Axis, width: Axis) {
    (self.height, self.width) = (height, width)
  }

  /// Whether its places are a picture's tiles of 2 × 2.
  public var isHalving: Bool {
    [height, width].allSatisfy { $0.length == 2 && $0.stride == 2 && $0.padding == 0 }
  }
}

/// As many registers as a register has numbers: a square that is transposed in registers.
private struct Square {
  private typealias Four = (Lane, Lane, Lane, Lane)
  private var a, b: Four
  #if LANES_16
    private var c, d: Four
  #endif

  @inline(__always)
  private static func four(_ row: (Int) -> Lane, _ first: Int) -> Four {
    (row(first), row(first &+ 1), row(first &+ 2), row(first &+ 3))
  }

  @inline(__always)
  init(_ row: (Int) -> Lane) {
    a = Self.four(row, 0)
    b = Self.four(row, 4)
    #if LANES_16
      c = Self.four(row, 8)
      d = Self.four(row, 12)
    #endif
  }

  @inline(__always)
  private static func store(_ four: Four, _ first: Int, _ body: (Int, Lane) -> Void) {
    body(first, four.0)
    body(first &+ 1, four.1)
    body(first &+ 2, four.2)
    body(first &+ 3, four.3)
  }

  @inline(__always)
  func forEachRow(_ body: (Int, Lane) -> Void) {
    Self.store(a, 0, body)
    Self.store(b, 4, body)
    #if LANES_16
      Self.store(c, 8, body)
      Self.store(d, 12, body)
    #endif
  }

  /// Two rows as one row of pairs; of it the lower and the higher half.
  @inline(__always)
  private static func zip(_ x: Lane, _ y: Lane) -> (Lane, Lane) {
    var (low, high) = (Lane(), Lane())
    low.evenHalf = x.lowHalf
    low.oddHalf = y.lowHalf
    high.evenHalf = x.highHalf
    high.oddHalf = y.highHalf
    return (low, high)
  }

  @inline(__always)
  private static func zip(_ x: Four, _ y: Four) -> (Four, Four) {
    let (first, second) = (zip(x.0, y.0), zip(x.1, y.1))
    let (third, fourth) = (zip(x.2, y.2), zip(x.3, y.3))
    return (
      (first.0, first.1, second.0, second.1), (third.0, third.1, fourth.0, fourth.1)
    )
  }

  /// One perfect shuffle of all numbers; as many of them as the count has bits, less one,
  /// transpose.
  @inline(__always)
  private mutating func shuffle() {
    #if LANES_16
      let (first, second) = (Self.zip(a, c), Self.zip(b, d))
      (a, b) = first
      (c, d) = second
    #else
      (a, b) = Self.zip(a, b)
    #endif
  }

  @inline(__always)
  mutating func transpose() {
    shuffle()
    shuffle()
    shuffle()
    #if LANES_16
      shuffle()
    #endif
  }
}

extension CompiledKernels {
  /// Puts the elements of several examples into registers: number n of register `targets[e]` is
  /// element e of example n.
  ///
  /// - Parameters:
  ///   - source: examples that begin `exampleStride` elements apart, of which `examples` are there, at most `lanes`; the
  ///     others count as 0.
  ///   - targets: by element, the number of its register.
  ///   - elements: of an example.
  public static func spread(
    _ source: UnsafePointer<Float>, examples: Int, exampleStride: Int,
    to targets: UnsafePointer<Int32>, elements: Int, in registers: UnsafeMutablePointer<Float>
  ) {
    let target = registers.inLanes
    var element = 0
    if examples == lanes {
      while element &+ lanes <= elements {
        let start = UnsafeRawPointer(source + element)
        var square = Square {
          start.loadUnaligned(
            fromByteOffset: $0 &* exampleStride &* MemoryLayout<Float>.stride, as: Lane.self)
        }
        square.transpose()
        square.forEachRow { target[Int(targets[element &+ $0])] = $1 }
        element &+= lanes
      }
    }
    while element < elements {
      var register = Lane()
      for example in 0..<examples {
        register[example] = source[example &* exampleStride &+ element]
      }
      target[Int(targets[element])] = register
      element &+= 1
    }
  }

  /// Undoes `spread` for elements whose registers lie one after the other.
  public static func collect(
    _ registers: UnsafePointer<Float>, elements: Int, into result: UnsafeMutablePointer<Float>,
    examples: Int, exampleStride: Int
  ) {
    let source = registers.inLanes
    var element = 0
    if examples == lanes {
      while element &+ lanes <= elements {
        var square = Square { source[element &+ $0] }
        square.transpose()
        let start = UnsafeMutableRawPointer(result + element)
        square.forEachRow {
          start.storeBytes(
            of: $1, toByteOffset: $0 &* exampleStride &* MemoryLayout<Float>.stride, as: Lane.self)
        }
        element &+= lanes
      }
    }
    while element < elements {
      let register = source[element]
      for example in 0..<examples {
        result[example &* exampleStride &+ element] = register[example]
      }
      element &+= 1
    }
  }

  /// Sets registers to 0: in each of `planes` planes that begin `stride` registers apart, those at
  /// `offsets`.
  public static func clear(
    _ registers: UnsafeMutablePointer<Float>, planes: Int, stride: Int,
    at offsets: UnsafePointer<Int32>, count: Int
  ) {
    let target = registers.inLanes
    for plane in 0..<planes {
      for index in 0..<count { target[plane &* stride &+ Int(offsets[index])] = Lane() }
    }
  }
}

// Products of matrices, in F32 and F64.
//
// Two microkernels. Where the terms of a sum lie one after the other in both factors (a · bᵀ),
// `addDots` multiplies rows by rows, a register at a time, and folds the sums of the lanes at the
// end; nothing is packed. Everywhere else `addOuter` adds to a tile of the result, one term after
// the other: a register of a row of b, times one number of each row of a. It reads its factors
// where they lie if they are read a few times, and packs them if they are read often (Goto and van
// de Geijn 2008).
//
// An element of the result depends on the terms of its own sum and on their number, not on the rows
// and columns beside it: a product that is cut by rows or columns has the same bytes. `addOuter`
// adds from the first term to the last.
//
// Compiled for registers of 16 numbers (AVX-512), of 8 (AVX2, NEON) and, for other processors, of
// 4.

import CProcessor
import Microkernels

/// The microkernels of this module.
public enum CompiledKernels {}

#if LANES_16
  private typealias Floats = SIMD16<Float>
  private typealias Doubles = SIMD8<Double>
  private typealias TallTile<S: Strip> = TwoTiles<TileOf4<S>, TileOf4<S>>
  private let tallTileRows = 8
#elseif LANES_4
  private typealias Floats = SIMD4<Float>
  private typealias Doubles = SIMD2<Double>
  private typealias TallTile<S: Strip> = TwoTiles<TileOf4<S>, TileOf2<S>>
  private let tallTileRows = 6
#else
  private typealias Floats = SIMD8<Float>
  private typealias Doubles = SIMD4<Double>
  private typealias TallTile<S: Strip> = TwoTiles<TileOf4<S>, TileOf2<S>>
  private let tallTileRows = 6
#endif

/// A number that there are registers of.
private protocol Number: BinaryFloatingPoint, SIMDScalar {
  associatedtype Register: SIMD where Register.Scalar == Self
  /// The sum of the numbers of each register.
  static func sums(_ x: Register, _ y: Register, _ z: Register, _ w: Register) -> SIMD4<Self>
  /// `new` without its first `count` numbers, which become 0.
  static func clearing(_ count: Int, of register: Register) -> Register
}

extension Float: Number {
  fileprivate typealias Register = Floats

  @inline(__always)
  fileprivate static func sums(
    _ x: Floats, _ y: Floats, _ z: Floats, _ w: Floats
  ) -> SIMD4<Float> {
    #if LANES_16
      let halves = nn_sums_of_parts16(x, y, z, w)
      let parts = halves.lowHalf + halves.highHalf
      return parts.lowHalf + parts.highHalf
    #elseif LANES_4
      return nn_sums_of_parts4(x, y, z, w)
    #else
      let parts = nn_sums_of_parts8(x, y, z, w)
      return parts.lowHalf + parts.highHalf
    #endif
  }

  @inline(__always)
  fileprivate static func clearing(_ count: Int, of register: Floats) -> Floats {
    var indices = Floats()
    for index in 0..<Floats.scalarCount { indices[index] = Float(index) }
    return register.replacing(with: 0, where: indices .< Float(count))
  }
}

extension Double: Number {
  fileprivate typealias Register = Doubles

  @inline(__always)
  fileprivate static func sums(
    _ x: Doubles, _ y: Doubles, _ z: Doubles, _ w: Doubles
  ) -> SIMD4<Double> {
    #if LANES_16
      let parts = nn_double_sums_of_parts8(x, y, z, w)
      return parts.lowHalf + parts.highHalf
    #elseif LANES_4
      return SIMD4(x[0] + x[1], y[0] + y[1], z[0] + z[1], w[0] + w[1])
    #else
      return nn_double_sums_of_parts4(x, y, z, w)
    #endif
  }

  @inline(__always)
  fileprivate static func clearing(_ count: Int, of register: Doubles) -> Doubles {
    var indices = Doubles()
    for index in 0..<Doubles.scalarCount { indices[index] = Double(index) }
    return register.replacing(with: 0, where: indices .< Double(count))
  }
}

extension Number {
  /// Numbers in a register.
  @inline(__always)
  static var lanes: Int { Register.scalarCount }
}

extension SIMD where Scalar: FloatingPoint {
  /// self + x · y, rounded once where the processor can.
  @inline(__always)
  fileprivate mutating func add(_ x: Self, times y: Self) {
    #if LANES_4
      self += x * y
    #else
      addProduct(x, y)
    #endif
  }
}

extension UnsafePointer where Pointee: Number {
  /// The register that begins here; any alignment.
  @inline(__always)
  fileprivate var register: Pointee.Register {
    UnsafeRawPointer(self).loadUnaligned(as: Pointee.Register.self)
  }
}

extension UnsafeMutablePointer where Pointee: Number {
  @inline(__always)
  fileprivate func store(_ register: Pointee.Register) {
    UnsafeMutableRawPointer(self).storeBytes(of: register, as: Pointee.Register.self)
  }
}

/// A factor in memory: the element of row i and column k is `start[i · down + k · right]`.
private struct Factor<N: Number> {
  let start: UnsafePointer<N>
  let down, right: Int

  @inline(__always)
  init(_ start: UnsafePointer<N>, down: Int, right: Int) {
    (self.start, self.down, self.right) = (start, down, right)
  }

  @inline(__always)
  func element(_ row: Int, _ column: Int) -> UnsafePointer<N> {
    start + (row &* down &+ column &* right)
  }

  @inline(__always)
  func from(_ row: Int, _ column: Int) -> Factor {
    Factor(element(row, column), down: down, right: right)
  }
}

/// Rows of the result in memory, `stride` elements apart.
private struct Target<N: Number> {
  let start: UnsafeMutablePointer<N>
  let stride: Int

  @inline(__always)
  func row(_ row: Int) -> UnsafeMutablePointer<N> { start + row &* stride }

  @inline(__always)
  func from(_ row: Int, _ column: Int) -> Target {
    Target(start: start + (row &* stride &+ column), stride: stride)
  }
}

// MARK: Rows by rows

/// Rows of a and of b that are multiplied together: as many sums as there are registers for.
private let dotRows = 3
private let dotColumns = 4

/// Registers of three rows of a, or sums of their products.
private struct ThreeRows<N: Number> {
  var a, b, c: N.Register

  @inline(__always)
  init(_ a: N.Register, _ b: N.Register, _ c: N.Register) { (self.a, self.b, self.c) = (a, b, c) }

  @inline(__always)
  init() { self.init(N.Register(), N.Register(), N.Register()) }

  @inline(__always)
  init(from start: UnsafePointer<N>) {
    self.init(start.register, (start + N.lanes).register, (start + 2 &* N.lanes).register)
  }

  @inline(__always)
  func store(to start: UnsafeMutablePointer<N>) {
    start.store(a)
    (start + N.lanes).store(b)
    (start + 2 &* N.lanes).store(c)
  }

  @inline(__always)
  mutating func add(_ x: ThreeRows, times y: N.Register) {
    a.add(x.a, times: y)
    b.add(x.b, times: y)
    c.add(x.c, times: y)
  }
}

/// Adds a · bᵀ of at most `dotRows` rows of a and `dotColumns` of b, whose last ones stand for
/// those that are missing.
///
/// - Parameters:
///   - terms: those of this call; at least `lanes` where `isLast`.
///   - sums: those of the lanes, from one call for the same rows to the next.
///   - result: written to by the last call.
@inline(__always)
private func addDots<N: Number>(
  _ a: Factor<N>, _ rows: Int, _ b: Factor<N>, _ columns: Int, _ terms: Int,
  _ sums: UnsafeMutablePointer<N>, isFirst: Bool, isLast: Bool, _ result: Target<N>, adding: Bool
) {
  let lanes = N.lanes
  let (x0, x1) = (a.start, a.element(min(1, rows &- 1), 0))
  let x2 = a.element(min(2, rows &- 1), 0)
  let (y0, y1) = (b.start, b.element(min(1, columns &- 1), 0))
  let y2 = b.element(min(2, columns &- 1), 0)
  let y3 = b.element(min(3, columns &- 1), 0)
  let size = dotRows &* lanes
  var (s0, s1, s2, s3) = (ThreeRows<N>(), ThreeRows<N>(), ThreeRows<N>(), ThreeRows<N>())
  if !isFirst {
    s0 = ThreeRows(from: sums)
    s1 = ThreeRows(from: sums + size)
    s2 = ThreeRows(from: sums + 2 &* size)
    s3 = ThreeRows(from: sums + 3 &* size)
  }
  @inline(__always)
  func add(_ register: (UnsafePointer<N>) -> N.Register) {
    let x = ThreeRows<N>(register(x0), register(x1), register(x2))
    s0.add(x, times: register(y0))
    s1.add(x, times: register(y1))
    s2.add(x, times: register(y2))
    s3.add(x, times: register(y3))
  }
  var k = 0
  while k &+ lanes <= terms {
    add { ($0 + k).register }
    k &+= lanes
  }
  if !isLast {
    s0.store(to: sums)
    s1.store(to: sums + size)
    s2.store(to: sums + 2 &* size)
    s3.store(to: sums + 3 &* size)
    return
  }
  if k < terms {
    // A register of the last terms; those that were there already are 0.
    let known = lanes &- (terms &- k)
    add { N.clearing(known, of: ($0 + (terms &- lanes)).register) }
  }
  @inline(__always)
  func store(_ row: Int, _ sums: SIMD4<N>) {
    if row >= rows { return }
    let place = result.row(row)
    if columns >= dotColumns {
      let raw = UnsafeMutableRawPointer(place)
      let sums = adding ? raw.loadUnaligned(as: SIMD4<N>.self) + sums : sums
      raw.storeBytes(of: sums, as: SIMD4<N>.self)
    } else {
      for column in 0..<columns {
        place[column] = adding ? place[column] + sums[column] : sums[column]
      }
    }
  }
  store(0, N.sums(s0.a, s1.a, s2.a, s3.a))
  store(1, N.sums(s0.b, s1.b, s2.b, s3.b))
  store(2, N.sums(s0.c, s1.c, s2.c, s3.c))
}

/// The fewest terms that it is worth it to fold the sums of the lanes for.
private let fewestDotTerms = 64

/// Rows of a that are multiplied with the same rows of b before the next: at most so many, and of
/// so many bytes that they stay in the second cache.
private let dotRowsAtOnce = 60
private let dotBytesAtOnce = 480 << 10

/// result (+)= a · bᵀ, where rows of both are at least a register.
@inline(__always)
private func multiplyRows<N: Number>(
  _ a: Factor<N>, _ rows: Int, _ b: Factor<N>, _ columns: Int, _ terms: Int, _ result: Target<N>,
  adding: Bool, _ scratch: UnsafeMutablePointer<N>
) {
  // So many terms of a tile's rows fit into the nearest cache.
  let termsAtOnce = 8192 / MemoryLayout<N>.stride
  let fitting = dotBytesAtOnce / (terms &* MemoryLayout<N>.stride) / dotRows &* dotRows
  let block = min(dotRowsAtOnce, max(4 * dotRows, fitting))
  for start in stride(from: 0, to: rows, by: block) {
    let end = min(start &+ block, rows)
    for column in stride(from: 0, to: columns, by: dotColumns) {
      var term = 0
      while term < terms {
        // The last call has the rest too, so that it has a register of terms.
        let isLast = terms &- term < 2 &* termsAtOnce
        let count = isLast ? terms &- term : termsAtOnce
        let y = b.from(column, term)
        for row in stride(from: start, to: end, by: dotRows) {
          addDots(
            a.from(row, term), min(dotRows, end &- row), y, min(dotColumns, columns &- column),
            count, scratch + (row &- start) &* (dotColumns &* N.lanes), isFirst: term == 0,
            isLast: isLast, result.from(row, column), adding: adding)
        }
        term &+= count
      }
    }
  }
}

// MARK: Columns by rows

/// Registers side by side in a row.
private protocol Strip {
  associatedtype N: Number
  static var width: Int { get }
  init()
  init(from start: UnsafePointer<N>)
  func store(to start: UnsafeMutablePointer<N>)
  mutating func add(_ x: Self, times y: N)
}

private struct OneRegister<N: Number>: Strip {
  var a: N.Register

  @inline(__always) static var width: Int { N.lanes }
  @inline(__always) init() { a = N.Register() }
  @inline(__always) init(from start: UnsafePointer<N>) { a = start.register }
  @inline(__always) func store(to start: UnsafeMutablePointer<N>) { start.store(a) }
  @inline(__always)
  mutating func add(_ x: Self, times y: N) { a.add(x.a, times: N.Register(repeating: y)) }
}

private struct TwoRegisters<N: Number>: Strip {
  var a, b: N.Register

  @inline(__always) static var width: Int { 2 &* N.lanes }
  @inline(__always) init() { (a, b) = (N.Register(), N.Register()) }
  @inline(__always)
  init(from start: UnsafePointer<N>) { (a, b) = (start.register, (start + N.lanes).register) }
  @inline(__always)
  func store(to start: UnsafeMutablePointer<N>) {
    start.store(a)
    (start + N.lanes).store(b)
  }
  @inline(__always)
  mutating func add(_ x: Self, times y: N) {
    let y = N.Register(repeating: y)
    a.add(x.a, times: y)
    b.add(x.b, times: y)
  }
}

/// Strips of some rows of the result. What is written out, and not kept in an array, stays in the
/// processor's registers.
///
/// `first` is the number of its first row. The row `last` stands for those after it.
private protocol Tile {
  associatedtype S: Strip
  static var height: Int { get }
  init()
  init(from result: Target<S.N>, _ first: Int, _ last: Int)
  func store(to result: Target<S.N>, _ first: Int, _ last: Int)
  mutating func add(_ x: S, times y: UnsafePointer<S.N>, _ down: Int, _ first: Int, _ last: Int)
}

private struct TileOf2<S: Strip>: Tile {
  var a, b: S

  @inline(__always) static var height: Int { 2 }
  @inline(__always) init() { (a, b) = (S(), S()) }
  @inline(__always)
  init(from result: Target<S.N>, _ first: Int, _ last: Int) {
    a = S(from: result.row(min(first, last)))
    b = S(from: result.row(min(first &+ 1, last)))
  }
  @inline(__always)
  func store(to result: Target<S.N>, _ first: Int, _ last: Int) {
    a.store(to: result.row(min(first, last)))
    b.store(to: result.row(min(first &+ 1, last)))
  }
  @inline(__always)
  mutating func add(_ x: S, times y: UnsafePointer<S.N>, _ down: Int, _ first: Int, _ last: Int) {
    a.add(x, times: y[min(first, last) &* down])
    b.add(x, times: y[min(first &+ 1, last) &* down])
  }
}

private typealias TileOf4<S: Strip> = TwoTiles<TileOf2<S>, TileOf2<S>>

/// One tile above the other.
private struct TwoTiles<A: Tile, B: Tile>: Tile where A.S == B.S {
  typealias S = A.S

  var upper: A
  var lower: B

  @inline(__always) static var height: Int { A.height &+ B.height }
  @inline(__always) init() { (upper, lower) = (A(), B()) }
  @inline(__always)
  init(from result: Target<S.N>, _ first: Int, _ last: Int) {
    upper = A(from: result, first, last)
    lower = B(from: result, first &+ A.height, last)
  }
  @inline(__always)
  func store(to result: Target<S.N>, _ first: Int, _ last: Int) {
    upper.store(to: result, first, last)
    lower.store(to: result, first &+ A.height, last)
  }
  @inline(__always)
  mutating func add(_ x: S, times y: UnsafePointer<S.N>, _ down: Int, _ first: Int, _ last: Int) {
    upper.add(x, times: y, down, first, last)
    lower.add(x, times: y, down, first &+ A.height, last)
  }
}

/// result (+)= a · b for the rows and columns of a tile.
///
/// - Parameter b: rows `bStride` elements apart.
@inline(__always)
private func addOuter<T: Tile>(
  _ type: T.Type, _ a: Factor<T.S.N>, rows: Int, _ b: UnsafePointer<T.S.N>, _ bStride: Int,
  terms: Int, _ result: Target<T.S.N>, adding: Bool
) {
  let last = rows &- 1
  var tile = adding ? T(from: result, 0, last) : T()
  var (x, y) = (b, a.start)
  for _ in 0..<terms {
    tile.add(T.S(from: x), times: y, a.down, 0, last)
    x += bStride
    y += a.right
  }
  tile.store(to: result, 0, last)
}

/// How many of the rows that are left the next tile takes: all but the last tiles are tall, and a
/// rest that is two more than a tall one becomes tiles of four rows, so that few tiles have rows
/// that count for nothing.
@inline(__always)
private func rowsOfTile(of left: Int) -> Int {
  if left >= tallTileRows && left != tallTileRows &+ 2 { return tallTileRows }
  return min(left, left > 2 ? 4 : 2)
}

/// result (+)= a · b for a strip of columns.
///
/// - Parameter isPacked: whether a is as `packRows` leaves it.
@inline(__always)
private func addOuter<S: Strip>(
  _ type: S.Type, _ a: Factor<S.N>, isPacked: Bool, rows: Int, _ b: UnsafePointer<S.N>,
  _ bStride: Int, terms: Int, _ result: Target<S.N>, adding: Bool
) {
  var row = 0
  while row < rows {
    let count = rowsOfTile(of: rows &- row)
    let packed = a.start + row &* terms
    let x = isPacked ? Factor(packed, down: 1, right: count) : a.from(row, 0)
    let result = result.from(row, 0)
    // With a constant number of rows, and distance, their addresses are part of the instructions.
    if count == tallTileRows && isPacked {
      addOuter(
        TallTile<S>.self, Factor(packed, down: 1, right: tallTileRows), rows: tallTileRows, b,
        bStride, terms: terms, result, adding: adding)
    } else if count == tallTileRows {
      addOuter(
        TallTile<S>.self, x, rows: tallTileRows, b, bStride, terms: terms, result, adding: adding)
    } else if count > 2 {
      addOuter(TileOf4<S>.self, x, rows: count, b, bStride, terms: terms, result, adding: adding)
    } else {
      addOuter(TileOf2<S>.self, x, rows: count, b, bStride, terms: terms, result, adding: adding)
    }
    row &+= count
  }
}

/// The rows of each tile, term by term.
@inline(__always)
private func packRows<N: Number>(
  _ a: Factor<N>, _ rows: Int, _ terms: Int, into packed: UnsafeMutablePointer<N>
) {
  var row = 0
  while row < rows {
    let count = rowsOfTile(of: rows &- row)
    var (source, target) = (a.element(row, 0), packed + row &* terms)
    for _ in 0..<terms {
      if count == tallTileRows {
        for index in 0..<tallTileRows { target[index] = source[index &* a.down] }
      } else {
        for index in 0..<count { target[index] = source[index &* a.down] }
      }
      source += a.right
      target += count
    }
    row &+= count
  }
}

/// The rows of a strip of columns, and zeros where columns are missing.
@inline(__always)
private func packStrip<N: Number>(
  _ b: Factor<N>, _ terms: Int, _ columns: Int, into packed: UnsafeMutablePointer<N>
) {
  let width = TwoRegisters<N>.width
  var (source, target) = (b.start, packed)
  for _ in 0..<terms {
    if columns == width && b.right == 1 {
      TwoRegisters<N>(from: source).store(to: target)
    } else {
      for column in 0..<columns { target[column] = source[column &* b.right] }
      for column in columns..<width { target[column] = 0 }
    }
    source += b.down
    target += width
  }
}

/// Rows, terms and columns whose packed factors stay in the caches: those of a in the second, a
/// strip of b in the first.
private let rowsAtOnce = 144
private let termsAtOnce = 256
private let columnsAtOnce = 512

/// The fewest columns for which it is worth it to pack a, and the fewest rows for which to pack b.
private let columnsToPack = 100
private let rowsToPack = 12

/// result (+)= a · b.
@inline(__always)
private func multiplyFactors<N: Number>(
  _ a: Factor<N>, _ rows: Int, _ b: Factor<N>, _ columns: Int, _ terms: Int, _ result: Target<N>,
  adding: Bool, _ scratch: UnsafeMutablePointer<N>
) {
  if a.right == 1 && b.down == 1 && terms >= fewestDotTerms {
    let b = Factor(b.start, down: b.right, right: 1)
    return multiplyRows(a, rows, b, columns, terms, result, adding: adding, scratch)
  }
  let width = TwoRegisters<N>.width
  let packsRows = columns >= (a.right == 1 ? columnsToPack : 17) && rows > 2
  let packsStrips = rows >= rowsToPack || b.right != 1
  let tile = scratch
  let strips = tile + min(rows, rowsAtOnce) &* width
  let mostStrips = (min(columns, columnsAtOnce) &+ width &- 1) / width
  let packedRows = strips + mostStrips &* width &* min(terms, termsAtOnce)
  for firstColumn in stride(from: 0, to: columns, by: columnsAtOnce) {
    let endColumn = min(columns, firstColumn &+ columnsAtOnce)
    for term in stride(from: 0, to: terms, by: termsAtOnce) {
      let count = min(termsAtOnce, terms &- term)
      let adding = adding || term > 0
      for column in stride(from: firstColumn, to: endColumn, by: width) {
        let there = min(width, endColumn &- column)
        if packsStrips || there < width {
          packStrip(
            b.from(term, column), count, there, into: strips + (column &- firstColumn) &* count)
        }
      }
      for row in stride(from: 0, to: rows, by: rowsAtOnce) {
        let height = min(rowsAtOnce, rows &- row)
        var x = a.from(row, term)
        if packsRows {
          packRows(x, height, count, into: packedRows)
          x = Factor(packedRows, down: 1, right: 1)
        }
        for column in stride(from: firstColumn, to: endColumn, by: width) {
          let result = result.from(row, column)
          let there = min(width, endColumn &- column)
          let strip = UnsafePointer(strips + (column &- firstColumn) &* count)
          if there == width {
            let isPacked = packsStrips
            addOuter(
              TwoRegisters<N>.self, x, isPacked: packsRows, rows: height,
              isPacked ? strip : b.element(term, column), isPacked ? width : b.down, terms: count,
              result, adding: adding)
          } else {
            addOuter(
              x, isPacked: packsRows, rows: height, strip, terms: count, result, columns: there,
              adding: adding, Target(start: tile, stride: width))
          }
        }
      }
    }
  }
}

/// As `addOuter` for the last columns, fewer than a strip: computed in `tile`.
@inline(__always)
private func addOuter<N: Number>(
  _ a: Factor<N>, isPacked: Bool, rows: Int, _ strip: UnsafePointer<N>, terms: Int,
  _ result: Target<N>, columns: Int, adding: Bool, _ tile: Target<N>
) {
  if adding {
    for row in 0..<rows { tile.row(row).update(from: result.row(row), count: columns) }
  }
  if columns <= N.lanes {
    addOuter(
      OneRegister<N>.self, a, isPacked: isPacked, rows: rows, strip, tile.stride, terms: terms,
      tile, adding: adding)
  } else {
    addOuter(
      TwoRegisters<N>.self, a, isPacked: isPacked, rows: rows, strip, tile.stride, terms: terms,
      tile, adding: adding)
  }
  for row in 0..<rows { result.row(row).update(from: tile.row(row), count: columns) }
}

extension CompiledKernels: ProductMicrokernels {
  public static func productScratch(rows: Int, columns: Int, terms: Int) -> Int {
    // In F32, whose registers hold more numbers.
    let width = TwoRegisters<Float>.width
    let (terms, height) = (min(terms, termsAtOnce), min(rows, rowsAtOnce))
    let strips = (min(columns, columnsAtOnce) &+ width &- 1) / width
    return max(
      height &* width &+ strips &* width &* terms &+ height &* terms,
      (min(rows, dotRowsAtOnce) &+ dotRows) &* dotColumns &* Float.lanes)
  }

  public static func multiply(
    _ a: UnsafePointer<Float>, aDown: Int, aRight: Int, rows: Int, _ b: UnsafePointer<Float>,
    bDown: Int, bRight: Int, columns: Int, terms: Int, into result: UnsafeMutablePointer<Float>,
    stride: Int, adding: Bool, scratch: UnsafeMutablePointer<Float>
  ) {
    multiplyFactors(
      Factor(a, down: aDown, right: aRight), rows, Factor(b, down: bDown, right: bRight), columns,
      terms, Target(start: result, stride: stride), adding: adding, scratch)
  }

  public static func multiply(
    _ a: UnsafePointer<Double>, aDown: Int, aRight: Int, rows: Int, _ b: UnsafePointer<Double>,
    bDown: Int, bRight: Int, columns: Int, terms: Int, into result: UnsafeMutablePointer<Double>,
    stride: Int, adding: Bool, scratch: UnsafeMutablePointer<Double>
  ) {
    multiplyFactors(
      Factor(a, down: aDown, right: aRight), rows, Factor(b, down: bDown, right: bRight), columns,
      terms, Target(start: result, stride: stride), adding: adding, scratch)
  }
}

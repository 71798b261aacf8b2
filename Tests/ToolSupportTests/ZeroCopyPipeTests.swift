#if os(Linux)
  import Foundation
  import Gzip
  import Safetensors
  import Tensors
  import Testing

  @testable import ToolSupport

  /// Bytes as they are lent: more than a page of a pipe, and not a whole number of pages; few enough for the C library to hand the
  /// memory out again when it is freed.
  private let count = 100_001

  private func bytes(_ seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 31 >> 3) }
  }

  private func document(_ seed: Int) -> Document {
    var document = Document()
    document.tensors["x"] = Tensor(bytes(seed), shape: [count])
    return document
  }

  /// What a reader of gzip gets of `compressed`.
  private func documents(_ compressed: [UInt8]) throws -> [Document] {
    var rest = compressed[...]
    let gzip = GzipReader(
      scattering: { first, _ in
        let taken = rest.prefix(first.count)
        first.copyBytes(from: taken)
        rest = rest.dropFirst(taken.count)
        return taken.count
      }, prefix: [], threads: 1)
    gzip.allowance = .max
    var found: [Document] = []
    while let document = try Document.read(from: { try gzip.read(into: $0) }) {
      found.append(document)
    }
    return found
  }

  extension Descriptor {
    /// Everything that can be read now.
    fileprivate func drained() throws -> [UInt8] {
      var found: [UInt8] = []
      var pending: Int32 = 0
      while ioctl(number, UInt(FIONREAD), &pending) == 0, pending > 0 {
        found += try bytes(Int(pending))
      }
      return found
    }
  }

  /// Lends documents to a pipe.
  private struct Lender {
    let (reading, writing): (Descriptor, Descriptor)
    let loans = ZeroCopyPipe(lending: true)
    var gzip = GzipWriter(level: 0)

    init() throws {
      (reading, writing) = try pipeEnds()
      // As an ordinary user one may have too many large pipes open to get another.
      try #require(fcntl(writing.number, F_GETPIPE_SZ) >= 4 * count)
    }

    mutating func write(_ document: Document) throws {
      try document.withEncoded { parts in
        try loans.lending(document, parts, to: writing) { try gzip.write(parts, to: $0) }
      }
    }
  }

  @Suite struct LoansTests {
    /// The pipe refers to the memory itself: whoever changes that past the tensor changes what is read.
    @Test func nothingIsCopied() throws {
      var lender = try Lender()
      let lent = document(4)
      try lender.write(lent)
      #expect(lender.loans.lent.count == 1)
      lent.tensors["x"]?.withUnsafeBytes {
        UnsafeMutableRawPointer(mutating: $0.baseAddress!).storeBytes(
          of: ~bytes(4)[0], as: UInt8.self)
      }
      let written = try lender.reading.drained()
      #expect(throws: GzipError.self) { try documents(written) }
      lender.loans.takeBack(from: lender.writing)
      #expect(lender.loans.lent.isEmpty)
    }

    /// Whether memory of this size, filled with something else, is other memory than what the pipe refers to.
    private func fillMemory() -> [Tensor] {
      (0..<8).map { _ in Tensor([UInt8](repeating: 0xEE, count: count), shape: [count]) }
    }

    @Test func whatNobodyHoldsAnyMoreStaysUntilItIsRead() throws {
      var lender = try Lender()
      for seed in 0..<3 { try lender.write(document(seed)) }
      lender.loans.takeBack(from: lender.writing)
      let others = fillMemory()
      let found = try documents(lender.reading.drained())
      #expect(found.map { $0.tensors["x"]?.values(of: UInt8.self) } == (0..<3).map { bytes($0) })
      #expect(others.count == 8)
    }

    @Test func whatIsChangedIsNotChangedInThePipe() throws {
      var lender = try Lender()
      var lent = document(7)
      try lender.write(lent)
      lent.tensors["x"]?.withMutableValues(of: UInt8.self) { $0[1000] ^= 0xFF }
      let found = try documents(lender.reading.drained())
      #expect(found.first?.tensors["x"]?.values(of: UInt8.self) == bytes(7))
      #expect(lent.tensors["x"]?.values(of: UInt8.self) != bytes(7))
    }

    /// As long as a document is lent, whoever writes to its memory gets other memory.
    @Test func whatHasBeenReadIsTakenBack() throws {
      var lender = try Lender()
      func isLent(_ tensor: inout Tensor) -> Bool {
        let before = tensor.withUnsafeBytes { $0.baseAddress }
        return tensor.withUnsafeMutableBytes { UnsafeRawPointer($0.baseAddress) } != before
      }
      var tensors = (0..<3).map { Tensor(bytes($0), shape: [count]) }
      var ends: [Int] = []
      for tensor in tensors {
        var document = Document()
        document.tensors["x"] = tensor
        try lender.write(document)
        ends.append(lender.writing.written)
      }
      _ = try lender.reading.bytes(ends[0] - 1)
      lender.loans.takeBack(from: lender.writing)
      #expect(isLent(&tensors[0]))
      _ = try lender.reading.bytes(ends[1] - ends[0] + 1)
      lender.loans.takeBack(from: lender.writing)
      #expect(!isLent(&tensors[1]))
      #expect(isLent(&tensors[2]))
    }

    @Test func aDocumentLargerThanThePipeComesWhole() throws {
      var lender = try Lender()
      let values = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
      let reading = lender.reading
      let group = DispatchGroup()
      nonisolated(unsafe) var received: [UInt8] = []
      nonisolated(unsafe) let reader = reading
      DispatchQueue.global().async(group: group) {
        var piece = [UInt8](repeating: 0, count: 70_000)
        while let count = try? piece.withUnsafeMutableBytes({
          try reader.read(into: $0, watching: nil)
        }),
          count > 0
        {
          received += piece[..<count]
        }
      }
      var document = Document()
      document.tensors["x"] = Tensor(values, shape: [values.count])
      try lender.write(document)
      lender.writing.shut()
      group.wait()
      #expect(try documents(received).first?.tensors["x"]?.values(of: UInt8.self) == values)
    }

    /// A socket has no pages of its own: it gets copies.
    @Test func aSocketGetsTheSameBytes() throws {
      var ends: [Int32] = [0, 0]
      try #require(socketpair(AF_UNIX, streamSocket, 0, &ends) == 0)
      let (writing, reading) = (
        Descriptor(ends[0], name: "<out>", owned: true),
        Descriptor(ends[1], name: "<in>", owned: true)
      )
      let sent = Array(bytes(3).prefix(100_000))
      try sent.withUnsafeBytes { try writing.write([$0], lending: { _ in true }) }
      #expect(writing.lent == 0)
      #expect(try reading.bytes(sent.count) == sent)
      #expect(writing.written == sent.count)
    }

    @Test func aReaderThatHasGoneIsNoticed() throws {
      var lender = try Lender()
      lender.reading.shut()
      #expect(throws: StageError.readerGone) { try lender.write(document(0)) }
    }
  }

  #if canImport(Glibc)
    private let streamSocket = Int32(SOCK_STREAM.rawValue)
  #else
    private let streamSocket = SOCK_STREAM
  #endif

  /// fcntl's request for a pipe's capacity, which Glibc's Swift overlay leaves out.
  private let F_GETPIPE_SZ: Int32 = 1032
#endif

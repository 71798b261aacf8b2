import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

@Suite struct InspectTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  private func inspect(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation)
    throws -> String
  {
    let outcome = try Tool.run("nn-inspect", arguments, in: folder)
    #expect(outcome.status == 0 && outcome.message == "", sourceLocation: sourceLocation)
    return outcome.text
  }

  @Test func summaryNamesEveryTensor() throws {
    var document = Document(metadata: ["nn.format": "1", "note": "one\ntwo", "who": "a\u{1b}b"])
    document.tensors = [
      "weight": Tensor([Float(1), 2, 3, 4, -5, 0], shape: [2, 3]),
      "odd\n": Tensor([Double.nan, .infinity]),
      "none": Tensor(zeros: [0, 4], .u8),
      "scalar": Tensor([Int64(7)], shape: []),
    ]
    try folder.write("small.safetensors", document)
    #expect(
      try inspect("small.safetensors") == """
        nn.format: 1
        note:
          one
          two
        who: a\\u{1B}b
        tensor  type  shape   min  max      mean      std  zeros  NaNs
        none    U8    [0, 4]    -    -         -        -      0     0
        odd\\n   F64   [2]     inf  inf       inf      nan      0     1
        scalar  I64   []        7    7         7        0      0     0
        weight  F32   [2, 3]   -5    4  0.833333  2.91071      1     0

        """)
  }

  @Test func valuesAreExact() throws {
    let document = Document(tensors: [
      "a": Tensor([0.1, 1.0 / 3, 1e300, -0.0], shape: [2, 2]),
      "b": Tensor([Float(0.1), 16_777_216], shape: [2, 1]),
      "c": Tensor([Float(0.5)], shape: []),
    ])
    try folder.write("values.safetensors.gz", document)
    #expect(
      try inspect("--values", "values.safetensors.gz") == """
        # a F64 [2, 2]
        0.1\t0.3333333333333333
        1e+300\t-0
        # b F32 [2, 1]
        0.1
        16777216
        # c F32 []
        0.5

        """)
    #expect(
      try inspect("--values", "--name", "c", "--name", "b", "values.safetensors.gz")
        == "# c F32 []\n0.5\n# b F32 [2, 1]\n0.1\n16777216\n")
  }

  @Test func framesOfAStreamAreNumbered() throws {
    let frame1 = """
      frame 1
      # index I64 [2]
      0\t3
      # input F64 [2, 3]
      0\t0\t1
      0\t1\t1
      # target F64 [2, 1]
      0
      0

      """
    let all = try inspect("--values", "stream.safetensors.gz")
    #expect(all.hasPrefix("frame 0\nnn.") || all.hasPrefix("frame 0\n# index"))
    #expect(all.hasSuffix(frame1))
    #expect(try inspect("--values", "--frame", "1", "stream.safetensors.gz") == frame1)
    #expect(
      try inspect("--frame", "1", "--name", "target", "stream.safetensors.gz")
        == """
        frame 1
        tensor  type  shape   min  max  mean  std  zeros  NaNs
        target  F64   [2, 1]    0    0     0    0      2     0

        """)
  }

  @Test func aFrameBecomesADocumentOfItsOwn() throws {
    _ = try inspect("--frame", "1", "stream.safetensors.gz", "-o", "frame.safetensors.gz")
    var frame = try documents(in: folder.read("stream.safetensors.gz"))[1]
    frame.metadata["nn.frame"] = nil
    #expect(try folder.document("frame.safetensors.gz") == frame)
    let forward = try Tool.run(
      "nn-forward", ["-m", "model.safetensors.gz", "frame.safetensors.gz", "-o", "out.gz"],
      in: folder)
    #expect(forward.status == 0 && forward.message == "")
  }

  @Test func whatIsNotThereIsRefused() throws {
    let cases: [([String], String)] = [
      (
        ["--frame", "2", "stream.safetensors.gz"],
        "no frame 2: found 2 frames, the first is frame 0"
      ),
      (
        ["--frame", "1", "batch.safetensors.gz"], "no frame 1: found 1 frame, the first is frame 0"
      ),
      (["--name", "nput", "batch.safetensors.gz"], "tensor 'nput' is missing from the batch"),
      (
        ["--name", "nput", "stream.safetensors.gz"],
        "frame 0: tensor 'nput' is missing from the batch"
      ),
      (["--topology", "batch.safetensors.gz"], "metadata: 'nn.topology' is missing"),
    ]
    for (arguments, message) in cases {
      let file = arguments[arguments.count - 1]
      try expectRefusal("nn-inspect", arguments, 65, "\(file): \(message)", in: folder)
    }
    try expectRefusal(
      "nn-inspect", ["--frame", "2", "stream.safetensors.gz", "-o", "out.gz"], 65,
      "stream.safetensors.gz: no frame 2: found 2 frames, the first is frame 0", in: folder)
  }

  @Test func topologyIsPrintedAsItWasWritten() throws {
    #expect(try inspect("--topology", "model.safetensors.gz") == Step.topology)
    #expect(try inspect("--topology", "trace.safetensors.gz") == Step.topology)
    let text = "# a neuron\ninput   3\ndense 1 sigmoid bias=no   # no bias\n\nloss squared"
    try folder.write("own.net", text)
    let outcome = try Tool.sh("nn-init own.net | nn-inspect --topology", in: folder)
    #expect(outcome.text == text + "\n" && outcome.message == "")
  }

  /// Two elements of each type (four where they fill whole bytes only so), by hand from the types' definitions.
  @Test(arguments: [
    ("BOOL", [0, 1], "0\t1"), ("U8", [0, 255], "0\t255"), ("I8", [128, 127], "-128\t127"),
    ("U16", [0, 0, 255, 255], "0\t65535"), ("I16", [0, 128, 255, 127], "-32768\t32767"),
    ("U32", [0, 0, 0, 0, 255, 255, 255, 255], "0\t4294967295"),
    ("I32", [0, 0, 0, 128, 255, 255, 255, 127], "-2147483648\t2147483647"),
    (
      "U64", [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255],
      "0\t18446744073709551615"
    ),
    (
      "I64", [0, 0, 0, 0, 0, 0, 0, 128, 255, 255, 255, 255, 255, 255, 255, 127],
      "-9223372036854775808\t9223372036854775807"
    ),
    ("F16", [0, 0x3c, 0, 0xc1], "1\t-2.5"), ("BF16", [0x80, 0x3f, 0x20, 0xc0], "1\t-2.5"),
    ("F32", [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0], "1\t-2.5"),
    ("F64", [0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 4, 0xc0], "1\t-2.5"),
    ("C64", [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0], "1-2.5i\t0+0i"),
    ("F8_E5M2", [0x3c, 0xc1], "1\t-2.5"), ("F8_E4M3", [0x38, 0xc2], "1\t-2.5"),
    ("F8_E8M0", [0x7f, 0x80], "1\t2"), ("F8_E4M3FNUZ", [0x40, 0xca], "1\t-2.5"),
    ("F8_E5M2FNUZ", [0x40, 0xc5], "1\t-2.5"), ("F4", [0xf2], "1\t-6"),
    ("F6_E2M3", [0xc8, 0x87, 0x02], "1\t7.5\t-1\t0"),
    ("F6_E3M2", [0xcc, 0xc7, 0x02], "1\t28\t-1\t0"),
  ])
  func everyTypeIsShown(_ name: String, _ bytes: [UInt8], _ shown: String) throws {
    let count = shown.split(separator: "\t").count
    let header =
      #"{"x":{"dtype":"\#(name)","shape":[\#(count)],"data_offsets":[0,\#(bytes.count)]}}"#
    try folder.write("x.safetensors", rawDocument(header) + bytes)
    #expect(try inspect("--values", "x.safetensors") == "# x \(name) [\(count)]\n\(shown)\n")
  }
}

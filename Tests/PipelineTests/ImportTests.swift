import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// An IDX file of unsigned bytes.
private func idx(_ shape: [Int], _ bytes: [UInt8]) -> [UInt8] {
  [0, 0, 8, UInt8(shape.count)] + shape.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] } + bytes
}

@Suite struct ImportTests {
  private let folder: Scratch

  init() throws { folder = try Scratch() }

  private func expectRefusal(
    ofTable text: String, options: [String] = [], _ message: String, status: Int32 = 65,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for (name, bytes) in [
      ("t.csv", Array(text.utf8)), ("t.csv.gz", try compressed(Array(text.utf8))),
    ] {
      try folder.write(name, bytes)
      try PipelineTests.expectRefusal(
        "nn-import", [name] + options + ["-o", "out.gz"], status, "\(name): \(message)", in: folder,
        sourceLocation: sourceLocation)
    }
  }

  @Test func aRaggedRowIsRefused() throws {
    try expectRefusal(ofTable: "a,b\n1,2\n3\n", "line 3: found 1 cells, expected 2 as in line 1")
    try expectRefusal(ofTable: "1,2\n3,4,5\n", "line 2: found 3 cells, expected 2 as in line 1")
  }

  @Test func aWordWhereANumberBelongsIsRefused() throws {
    try expectRefusal(
      ofTable: "a,b\n1,2\n3,many\n", "line 3, column 2 ('b'): found 'many', expected a number")
    try expectRefusal(
      ofTable: "1,2\n3,\n", "line 2, column 2: found an empty cell, expected a number")
    try expectRefusal(
      ofTable: "1\n1e999\n",
      "line 2, column 1: found '1e999', expected at most 1.7976931348623157e+308")
  }

  @Test func notANumberIsRefused() throws {
    for (word, found) in [
      ("NaN", "NaN"), ("nan", "NaN"), ("inf", "infinity"), ("-Inf", "infinity"),
    ] {
      try expectRefusal(
        ofTable: "a,b\n1,\(word)\n",
        "line 2, column 2 ('b'): found \(found), expected a finite number")
    }
  }

  @Test func anEmptyTableIsRefused() throws {
    try expectRefusal(ofTable: "", "found an empty table, expected at least one row")
    try expectRefusal(
      ofTable: "a,b\n", "found a header line and no rows, expected at least one row")
  }

  @Test func columnsThatAreNotThereAreRefused() throws {
    let table = "a,b\n1,2\n"
    try expectRefusal(
      ofTable: table, options: ["--class-column", "c"],
      "column 'c': found no such column, expected one of ['a', 'b'] or a number from 1 to 2")
    try expectRefusal(
      ofTable: table, options: ["--target-columns", "1,3"],
      "column '3': found 2 columns, expected a number from 1 to 2")
    try expectRefusal(
      ofTable: table, options: ["--target-columns", "a,b"],
      "found every column chosen as a target, expected at least one left as input")
  }

  @Test func idxFilesAreChecked() throws {
    try folder.write("labels", idx([3], [0, 1, 2]))
    let cases: [([UInt8], String)] = [
      (
        idx([2, 2], [1, 2, 3]),
        "byte 15: input ended inside the data: found 3 of 4 bytes for U8 [2, 2]"
      ),
      (idx([2, 2], [1, 2, 3, 4, 5]), "byte 16: found 1 bytes, expected the end after U8 [2, 2]"),
      (
        idx([2, 2], [1, 2, 3, 4]),
        "tensor 'target': found shape [3], expected 2 examples as in 'input'"
      ),
      (idx([0, 2], []), "tensor 'input': no examples"),
    ]
    for (bytes, message) in cases {
      try folder.write("pictures", bytes)
      try PipelineTests.expectRefusal(
        "nn-import", ["pictures", "--target", "labels", "-o", "out.gz"], 65, "pictures: \(message)",
        in: folder)
    }
    try folder.write("pictures", idx([3, 1], [1, 2, 3]))
    try PipelineTests.expectRefusal(
      "nn-import", ["pictures", "--target", "nope", "-o", "out.gz"], 66,
      "nope: no such file or directory", in: folder)
    try folder.write("labels", idx([3, 1], [0, 1, 2]))
    try PipelineTests.expectRefusal(
      "nn-import", ["pictures", "--target", "labels", "-o", "out.gz"], 65,
      "labels: tensor 'target': found shape [3, 1], expected one class id per example", in: folder)
  }

  @Test func optionsThatDoNotGoTogetherAreRefused() throws {
    try folder.write("t.csv", "a,b\n1,2\n")
    try folder.write("pictures", idx([2, 1], [1, 2]))
    let cases: [([String], String)] = [
      (
        ["t.csv", "--class-column", "a", "--target-columns", "b"],
        "--class-column and --target-columns exclude each other (see nn-import --help)"
      ),
      (
        ["t.csv", "--target", "pictures"],
        "--target: goes with an array or pictures, in a table --class-column names the ids"
      ),
      (
        ["pictures", "--class-column", "1"],
        "--class-column and --target-columns: only a table has columns"
      ),
      (
        ["t.csv", "--tensor", "__metadata__"],
        "--tensor: found '__metadata__', which is no name for a tensor (see nn-import --help)"
      ),
    ]
    for (arguments, message) in cases {
      try PipelineTests.expectRefusal(
        "nn-import", arguments + ["-o", "out.gz"], 64, message, in: folder)
    }
    try PipelineTests.expectRefusal(
      "nn-import", ["-", "--target", "-", "-o", "out.gz"], 64,
      "two inputs from standard input: the numbers and --target", input: idx([2, 1], [1, 2]),
      in: folder)
  }

  @Test func npyFilesBecomeDatasets() throws {
    try folder.write("x.npy", npy("|u1", "(2, 3)", [1, 2, 3, 4, 5, 6]))
    try folder.write("ids.npy", npy("|u1", "(2,)", [1, 0]))
    try folder.write("numbers.npy", npy("<f4", "(2,)", [0, 0, 0xC0, 0x3F, 0, 0, 0x20, 0xC0]))
    for (target, expected) in [("ids", "U8 [2]\n1\t0"), ("numbers", "F32 [2, 1]\n1.5\n-2.5")] {
      let outcome = try Tool.sh(
        "nn-import x.npy --target \(target).npy | nn-inspect --values", in: folder)
      #expect(outcome.text == "# input U8 [2, 3]\n1\t2\t3\n4\t5\t6\n# target \(expected)\n")
    }
    try folder.write("bad.npy", npy("<U1", "(2,)", []))
    try PipelineTests.expectRefusal(
      "nn-import", ["x.npy", "--target", "bad.npy", "-o", "out.gz"], 65,
      "bad.npy: byte 20: found element type '<U1', expected < or > and one of "
        + "b1, u1, i1, u2, i2, f2, u4, i4, f4, u8, i8, f8, c8", in: folder)
    try folder.write("bad.npy", npy("|b1", "(2,)", [0, 1]))
    try PipelineTests.expectRefusal(
      "nn-import", ["x.npy", "--target", "bad.npy", "-o", "out.gz"], 65,
      "bad.npy: tensor 'target': found BOOL, expected integers as class ids, F32 or F64", in: folder
    )
  }

  private func gray(_ samples: UInt8...) -> [UInt8] {
    Array("P5 \(samples.count) 1 255\n".utf8) + samples
  }

  @Test func aFolderOfFoldersIsADatasetWithClasses() throws {
    for name in ["photos/dog", "photos/a cat"] { try folder.makeFolder(name) }
    try folder.write("photos/dog/b.pgm", gray(5, 6))
    try folder.write("photos/dog/a.pgm.gz", try compressed(gray(3, 4)))
    try folder.write("photos/a cat/\u{e9}.pgm", gray(1, 2))
    try folder.write("photos/.hidden", "no picture")
    _ = try Tool.run("nn-import", ["photos/", "-o", "d.gz"], in: folder)
    let outcome = try Tool.run("nn-inspect", ["d.gz", "--values"], in: folder)
    #expect(
      outcome.text == "# input U8 [3, 1, 1, 2]\n1\t2\n3\t4\n5\t6\n# target I64 [3]\n0\t1\t1\n")
    #expect(try folder.document("d.gz").metadata["nn.classes"] == "a cat\ndog")
    // Without folders in it a folder has no classes, and a file of several pictures is a dataset too.
    let flat = try Tool.run("nn-import", ["photos/dog"], in: folder)
    try folder.write("both.pgm", gray(3, 4) + gray(5, 6))
    #expect(try Tool.run("nn-import", ["both.pgm"], in: folder).output == flat.output)
  }

  /// To Swift both names are the same.
  @Test func aPictureIsNotTakenForAFolderOfAlikeName() throws {
    try folder.makeFolder("photos/e\u{301}")
    try folder.write("photos/e\u{301}/1", gray(1))
    try folder.write("photos/\u{e9}", gray(1))
    try PipelineTests.expectRefusal(
      "nn-import", ["photos", "-o", "out.gz"], 65,
      "photos: found '\u{e9}' beside folders, expected all pictures in the folders of their classes",
      in: folder)
  }

  @Test func aTableMayBeginAsAPictureDoes() throws {
    try folder.write("t.tsv", "P1\tP2\tclass\n1\t2\t0\n3\t4\t1\n")
    try folder.write("u.tsv", "P5\t1\t2\nP6\t3\t4\n")
    for command in ["t.tsv --class-column class", "t.tsv", "u.tsv --class-column 1"] {
      let outcome = try Tool.sh("nn-import \(command) | nn-inspect", in: folder)
      #expect(outcome.status == 0 && outcome.message == "", "\(command)")
    }
  }

  @Test func whatMakesAFolderNoDatasetIsSaid() throws {
    try folder.makeFolder("photos/dog")
    func refused(
      _ message: String, _ options: [String] = [], status: Int32 = 65,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      try PipelineTests.expectRefusal(
        "nn-import", ["photos"] + options + ["-o", "out.gz"], status, message, in: folder,
        sourceLocation: sourceLocation)
    }
    try refused("photos/dog: found no picture, expected at least one of every class")
    try folder.write("photos/dog/a.pgm", gray(1))
    try folder.write("t.npy", npy("|u1", "(1,)", [1]))
    try refused("--target: the folders tell the classes", ["--target", "t.npy"], status: 64)
    try refused(
      "--class-column and --target-columns: only a table has columns", ["--class-column", "1"],
      status: 64)
    try folder.write("photos/dog/b.pgm", gray(1, 2))
    try refused("photos/dog/b.pgm: picture 2: found U8 1x1x2, expected U8 1x1x1 as the first")
    try folder.write("photos/dog/b.pgm", gray(1) + gray(2))
    try refused(
      "photos/dog/b.pgm: found several pictures in one file, expected one a file in a folder")
    try folder.write("photos/dog/b.pgm", "a,b\n1,2\n")
    try refused("photos/dog/b.pgm: found no picture, expected PNG or netpbm's PGM or PPM")
    // A pipe would be waited for.
    try folder.remove("photos/dog/b.pgm")
    try #require(mkfifo(folder.path("photos/dog/b.pgm"), 0o600) == 0)
    try refused("photos/dog/b.pgm: found neither a file nor a folder, expected a picture")
    try folder.remove("photos/dog/b.pgm")
    try folder.makeFolder("photos/dog/b.pgm")
    try refused("photos/dog/b.pgm: found a folder inside of a class, expected only pictures")
    try folder.remove("photos/dog/b.pgm")
    try folder.write("photos/x.pgm", gray(1))
    try refused(
      "photos: found 'x.pgm' beside folders, expected all pictures in the folders of their classes")
    try folder.makeFolder("none")
    try PipelineTests.expectRefusal(
      "nn-import", ["none", "-o", "out.gz"], 65, "none: found no picture, expected at least one",
      in: folder)
  }

  @Test func tablesBecomeDatasets() throws {
    try folder.write("t.csv", "\u{feff}x,\"y, z\",class\r\n1,2.5,cat\r\n-3,4e-1,\"dog\"\r\n\r\n")
    let outcome = try Tool.sh(
      "nn-import t.csv --class-column class | nn-inspect --values", in: folder)
    #expect(outcome.message == "")
    #expect(outcome.text.contains("\n1\t2.5\n-3\t0.4\n"))
    _ = try Tool.run("nn-import", ["t.csv", "--class-column", "class", "-o", "d.gz"], in: folder)
    #expect(try folder.document("d.gz").metadata["nn.classes"] == "cat\ndog")
  }
}

import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// The programs' files in the hands of the reference library, and its files in theirs. They fail where Python or a
/// package of Tests/requirements.txt is missing.
@Suite struct PythonTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  private func python(
    _ arguments: [String], input: [UInt8]? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let outcome = try Tool.run(
      "/usr/bin/env", [Tool.python] + arguments, input: input, in: folder)
    try #require(
      outcome.status == 0, "\(Tool.python): \(outcome.message)", sourceLocation: sourceLocation)
    return outcome.text
  }

  private func inspect(_ arguments: String...) throws -> String {
    let outcome = try Tool.run("nn-inspect", arguments, in: folder)
    #expect(outcome.status == 0 && outcome.message == "")
    return outcome.text
  }

  @Test func theReaderOfTheDocumentationReads() throws {
    let text = try String(
      contentsOf: Tool.project.appending(path: "docs/FORMAT.md"), encoding: .utf8)
    let start = try #require(text.range(of: "```python\n"))
    let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
    let reader = String(text[start.upperBound..<end.lowerBound])
    #expect(reader.split(separator: "\n").count <= 11)
    try folder.write("reader.py", reader)

    func printed(_ documents: [Document]) -> String {
      documents.map { document in
        let metadata = document.metadata.sorted { $0.key < $1.key }
          .map { "'\($0.key)': '\($0.value)'" }.joined(separator: ", ")
        let order = ["index", "input", "target"].filter { document.tensors[$0] != nil }
        let lines = order.map { name -> String in
          guard let tensor = document.tensors[name] else { return "" }
          let hex = tensor.withUnsafeBytes { bytes in
            bytes.prefix(8).map { String(format: "%02x", $0) }.joined()
          }
          return "\(name) \(tensor.dtype.rawValue) \(tensor.shape) \(hex)\n"
        }
        return "{\(metadata)}\n" + lines.joined()
      }.joined()
    }
    for name in ["batch.safetensors.gz", "stream.safetensors.gz"] {
      let bytes = try folder.read(name)
      let expected = try printed(documents(in: bytes))
      #expect(expected.contains("input F64 ["))
      #expect(try python(["reader.py", name]) == expected)
      #expect(try python(["reader.py"], input: bytes) == expected)
    }
  }

  @Test func numpyFilesHoldWhatNumPyHasInThem() throws {
    let files = try python([
      "-c",
      """
      import numpy
      for code in "?BbHhIiQqefdF":
          array = numpy.arange(24).reshape(2, 3, 4).astype(code)
          for order, other in [("C", "<"), ("F", "<"), ("C", ">"), ("F", ">")]:
              name = f"{array.dtype.name}-{order}-{'little' if other == '<' else 'big'}.npy"
              numpy.save(name, numpy.asarray(array, array.dtype.newbyteorder(other), order))
              print(name)
      """,
    ]).split(separator: "\n").map(String.init)
    #expect(files.count == 52)
    for file in files {
      let outcome = try Tool.run(
        "nn-import", [file, "--tensor", "array", "-o", file + ".safetensors"], in: folder)
      #expect(outcome.status == 0 && outcome.message == "")
    }
    let different = try python(
      [
        "-c",
        """
        import gzip, sys, numpy
        from safetensors.numpy import load
        for file in sys.argv[1:]:
            expected = numpy.load(file)
            with open(file + ".safetensors", "rb") as stream:
                data = stream.read()
            found = load(gzip.decompress(data) if data[:2] == b"\\x1f\\x8b" else data)["array"]
            if found.dtype != expected.dtype.newbyteorder("=") or not numpy.array_equal(found, expected):
                print(file)
        """,
      ] + files)
    #expect(different == "")
  }

  @Test func aModelOpensInTheReferenceLibrary() throws {
    _ = try Tool.sh("zcat model.safetensors.gz > model.safetensors", in: folder)
    try folder.write(
      "open.py",
      """
      from safetensors import safe_open
      with safe_open("model.safetensors", "numpy") as file:
          print(file.metadata()["nn.topology"], end="")
          for name in sorted(file.keys()):
              tensor = file.get_tensor(name)
              print("#", name, {"float64": "F64"}[str(tensor.dtype)], list(tensor.shape))
              for row in tensor.reshape(-1, tensor.shape[-1]).tolist():
                  print("\\t".join(repr(number).removesuffix(".0") for number in row))
      """)
    let values = try inspect("--values", "model.safetensors.gz")
    let tensors = values[(try #require(values.firstIndex(of: "#")))...]
    #expect(tensors.contains("# dense1.weight F64 [2, 3]\n"))
    #expect(try python(["open.py"]) == Step.topology + tensors)
  }

  @Test func filesOfEveryTypeAreShownRightly() throws {
    let script = Tool.project.appending(path: "Tests/Oracles/every_dtype.py").path
    let names = try python([script]).split(separator: "\n").map(String.init)
    #expect(names.count == 20)
    for name in names {
      let expected = try String(decoding: folder.read("\(name).txt"), as: UTF8.self)
      #expect(expected.hasPrefix("# x \(name) ["))
      for file in ["\(name).safetensors", "\(name).safetensors.gz"] {
        #expect(try inspect("--values", "--name", "x", file) == expected, "\(file)")
        #expect(try inspect(file).contains("\nx       \(name) "), "\(file)")
      }
    }
  }

  @Test func ourBytesAreTheReferenceLibrarys() throws {
    try folder.write(
      "save.py",
      """
      import numpy
      from safetensors.numpy import save_file
      tensors = {
          "b": numpy.arange(6, dtype="float32").reshape(2, 3), "a": numpy.float32([1, 2]),
          "ä\\n\\"": numpy.int64([[7]]), "scalar": numpy.array(0.5),
          "none": numpy.zeros((0, 3), "uint8"), "flags": numpy.array([True, False, True]),
      }
      save_file(tensors, "bare.safetensors")
      save_file(tensors, "one.safetensors", metadata={"who": "tab\\t, ümlaut, \\u0001"})
      save_file({}, "empty.safetensors", metadata={"a": ""})
      """)
    _ = try python(["save.py"])
    for name in ["bare", "one", "empty"] {
      _ = try inspect("--frame", "0", "\(name).safetensors", "-o", "ours.safetensors")
      #expect(
        try folder.read("ours.safetensors") == folder.read("\(name).safetensors"), "\(name)")
    }
  }
}

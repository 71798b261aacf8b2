import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

#if os(Linux)
  /// Tools that the system gives no memory.
  @Suite struct OutOfMemoryTests {
    private static let model = ["-m", "model.safetensors.gz"]

    /// Every tool at work, with its output left to be named.
    private static let works: [[String]] = [
      ["nn-import", "table.csv"],
      ["nn-split", "large.gz", "--fraction", "0.5", "--rest", "rest.gz"],
      ["nn-batch", "large.gz", "--size", "100"],
      ["nn-augment", "images.gz", "--shift", "1", "-j", "2"],
      ["nn-init", "net"],
      ["nn-forward"] + model + ["batch.safetensors.gz"],
      ["nn-backprop", "trace.safetensors.gz"],
      ["nn-sum", "gradient.safetensors.gz"],
      ["nn-update"] + model + ["--rate", "1", "gradient.safetensors.gz"],
      ["nn-eval", "prediction.safetensors.gz"],
      ["nn-train"] + model + ["--rate", "1", "--epochs", "1", "data.safetensors"],
      ["nn-gradcheck"] + model + ["batch.safetensors.gz"],
      ["nn-inspect", "--frame", "1", "stream.safetensors.gz"],
      [
        "nn-gate", "prediction.safetensors.gz", "prediction.safetensors.gz", "--margin", "-100",
        "--class-limit", "1",
      ],
      ["nn-check"] + model + ["data.safetensors"],
    ]

    /// The first limit tried, and the distance to the next, in KiB.
    private static let step = 192

    private static func folder() throws -> Scratch {
      let folder = try Step.folder()
      try folder.write("large.gz", compressed(largeDataset))
      let images = (0..<64 * 64).map { Float($0 % 255) }
      try folder.write(
        "images", .dataset(["input": Tensor(images, shape: [64, 1, 8, 8])]))
      let batches = try Tool.sh("nn-batch images --size 32 -o images.gz", in: folder)
      try #require(batches.status == 0, "\(batches.message)")
      return folder
    }

    /// The limit in KiB under which a program can just be loaded, to `step`.
    private func smallestLimit(of tool: String, in folder: Scratch) throws -> Int {
      var (low, high) = (0, 400_000)
      while high - low > Self.step {
        let middle = (low + high) / 2
        let outcome = try Tool.sh(
          "ulimit -v \(middle) && exec \(tool) --version >/dev/null 2>&1", in: folder)
        if outcome.status == 0 { high = middle } else { low = middle }
      }
      return high
    }

    /// Whatever the limit, a tool does its work, or says in one line that it has no memory and
    /// leaves what was there.
    @Test(arguments: works) func everyLimitEndsInSuccessOrInOneLine(_ command: [String]) throws {
      let folder = try Self.folder()
      let tool = command[0]
      let names = Set(try folder.names())
      let writes = tool != "nn-gradcheck"
      let output = writes ? ["-o", "out.gz"] : []
      let words = (command + output).joined(separator: " ")
      var limit = try smallestLimit(of: tool, in: folder)
      var (refusals, successes) = (0, 0)
      // Where it succeeds once, the kernel's choice of addresses may yet make it fail.
      while successes < 3 && refusals < 500 {
        try folder.write("out.gz", "old")
        let outcome = try Tool.sh("ulimit -v \(limit) && exec \(words)", in: folder)
        let place = "\(limit) KiB: \(outcome.message)"
        if outcome.status == 71 {
          refusals += 1
          let line = try Regex(
            "\(tool): out of memory: [0-9]+ bytes?( for [^\n]*)? could not be had "
              + "\\(address space is limited to \(limit * 1024) bytes\\)\n")
          #expect(outcome.message.wholeMatch(of: line) != nil, "\(place)")
          #expect(try folder.read("out.gz") == Array("old".utf8), "\(place)")
        } else {
          successes += 1
          #expect(outcome.status == 0 && outcome.message == "", "\(outcome.status) at \(place)")
          if writes { #expect(try folder.read("out.gz") != Array("old".utf8), "\(place)") }
          if outcome.status != 0 { break }
        }
        let added = Set(try folder.names()).subtracting(names).subtracting(["out.gz"])
        #expect(added.isSubset(of: outcome.status == 0 ? ["rest.gz"] : []), "\(added) at \(place)")
        if added.contains("rest.gz") { try folder.remove("rest.gz") }
        limit += Self.step
      }
      #expect(successes == 3)
      // The test has seen what it is for.
      if limit < 2_000_000 { #expect(refusals > 0) }
    }

    /// A tensor's memory is named by its type and shape, and the limit where there is one.
    @Test(arguments: [("-v", 60_000, "address space"), ("-d", 40_000, "data")])
    func aTensorThatDoesNotFitIsNamed(_ option: String, _ limit: Int, _ what: String) throws {
      let folder = try Scratch()
      try folder.write(
        "zeros.safetensors", Document.dataset(["input": Tensor(zeros: [25_000, 1000], .u8)]))
      try folder.write("out.gz", "old")
      try expectRefusal(
        sh: "ulimit \(option) \(limit)\n"
          + "exec nn-batch zeros.safetensors --size all --limit 1 -o out.gz", 71,
        "nn-batch: out of memory: 25000000 bytes for a tensor of U8 [25000, 1000] "
          + "could not be had (\(what) is limited to \(limit * 1024) bytes)", in: folder)
    }

    /// Threads of 1 GB of stack each, of which there is room for none.
    @Test func whereNoThreadStartsTheOthersDoTheWork() throws {
      let folder = try Self.folder()
      let outcome = try Tool.sh(
        """
        nn-augment images.gz --shift 1 -j 3 -o threads.safetensors
        nn-batch large.gz --shuffle-buffer 8 -o rows.safetensors
        ulimit -s 1000000
        ulimit -v 800000
        nn-augment images.gz --shift 1 -j 3 -o alone.safetensors
        nn-batch large.gz --shuffle-buffer 8 -o slow.safetensors
        """, in: folder)
      #expect(outcome.status == 0 && outcome.message == "", "\(outcome.message)")
      #expect(try folder.read("alone.safetensors") == folder.read("threads.safetensors"))
      #expect(try folder.read("slow.safetensors") == folder.read("rows.safetensors"))
    }
  }

  extension Data {
    fileprivate func contains(_ text: String) -> Bool { range(of: Data(text.utf8)) != nil }
  }
#endif

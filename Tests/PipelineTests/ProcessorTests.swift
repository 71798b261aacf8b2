#if os(Linux) && arch(x86_64)
  import Foundation
  import Safetensors
  import Tensors
  import Testing

  /// What is compiled for one kind of processor must not run on another, nor be missed there.
  @Suite struct ProcessorTests {
    private static let emulator = "/usr/bin/qemu-x86_64"

    private static let network = """
      reshape 1x8x8
      conv 9 3x3 pad=1 bias=no
      batchnorm relu
      maxpool 2x2
      conv 5 3x3 stride=2 pad=1 relu
      dense 2 softmax
      """

    /// The model after two epochs, computed by whatever `command` says.
    private func model(
      _ command: String, _ start: Ring, _ environment: [String: String] = [:]
    ) throws -> [UInt8] {
      let outcome = try Tool.sh(
        "unset NN_LANES; \(environment.map { "export \($0)=\($1); " }.joined())"
          + """
          \(command) "$(command -v nn-train)" train.safetensors -m start.safetensors --size 32 --seed 5 \
          --rate 0.1 --epochs 2 -j 2 -o end.safetensors
          """, in: start.folder)
      try #require(outcome.status == 0, "\(command): \(outcome.message)")
      return try start.folder.read("end.safetensors")
    }

    private func start() throws -> Ring {
      try Ring(rows: 60, columns: 64, layers: Self.network, loss: "cross-entropy")
    }

    @Test func runsWhereThereIsNeitherAVX2NorFusedMultiplyAdd() throws {
      let start = try start()
      _ = try model("\(Self.emulator) -cpu Nehalem", start)
      let emulated = try start.folder.document("end.safetensors")
      _ = try model("", start, ["NN_LANES": "0"])
      let native = try start.folder.document("end.safetensors")
      for (name, tensor) in native.tensors {
        let found = try #require(emulated.tensors[name])
        for (x, y) in zip(found.doubles(), tensor.doubles()) {
          #expect(abs(x - y) < 1e-4, "\(name)")
        }
      }
    }

    /// So a processor's kind, and not the machine, decides the bytes.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/cpuinfo")))
    func computesWithAVX2AsProcessorsWithMoreDoWhenTheyAreAskedTo() throws {
      let flags = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      try #require(flags.contains(" avx2 "), "these tests need a processor with AVX2")
      let start = try start()
      let emulated = try model("\(Self.emulator) -cpu Haswell 2>/dev/null", start)
      let native = try model("", start, ["NN_LANES": "8"])
      #expect(emulated == native)
    }

    @Test(arguments: [1, 2, 3]) func aStageHasTheThreadsThatItIsTold(_ jobs: Int) throws {
      let start = try start()
      let outcome = try Tool.sh(
        """
        mkfifo in out
        nn-forward -m start.safetensors -j \(jobs) <in >out &
        exec 3>in 4<out
        nn-batch train.safetensors --size 24 --limit 1 >&3
        head -c 1 <&4 >first
        ls "/proc/$!/task" | wc -l
        exec 3>&-
        cat <&4 >rest
        wait "$!"
        """, in: start.folder)
      #expect(outcome.text == "\(jobs)\n" && outcome.message == "")
    }
  }
#endif

// swift-tools-version: 6.1
import PackageDescription

/// The tools, and what each needs besides `toolImports`.
let tools: [(name: String, imports: [Target.Dependency])] = [
  ("nn-import", ["Formats"]),
  ("nn-split", []),
  ("nn-batch", []),
  ("nn-augment", []),
  ("nn-init", []),
  ("nn-forward", []),
  ("nn-backprop", []),
  ("nn-sum", []),
  ("nn-update", []),
  ("nn-eval", []),
  ("nn-train", []),
  ("nn-gradcheck", []),
  ("nn-inspect", []),
  ("nn-gate", []),
  ("nn-check", []),
  ("nn-registry", []),
]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

let toolImports: [Target.Dependency] = [
  "CLibrary", "Tensors", "Compute", "Safetensors", "Layers", "Networks", "Training", "ToolSupport",
  argumentParser,
]

/// The modules of which pipelines/scripts/coverage.sh counts what is run: their names, or none. What is counted is slower, so the others
/// are not; and what others would inline of a module into a counted one has no counters that could fall out of step.
let counted = (Context.environment["NN_COVERAGE"] ?? "").split(separator: " ")

/// A library target of this package: its name and the targets that it imports.
func library(_ name: String, _ imports: [Target.Dependency] = []) -> Target {
  .target(
    name: name, dependencies: imports + ["CLibrary"],
    swiftSettings: counted.contains { $0 == name }
      ? [.unsafeFlags(["-profile-generate", "-profile-coverage-mapping"])] : [])
}

/// The unit tests of the library `name`, which see what it sees.
func tests(of name: String, _ imports: [Target.Dependency] = []) -> Target {
  .testTarget(name: name + "Tests", dependencies: [.byName(name: name)] + imports)
}

/// Kernels for one kind of processor: the same sources, compiled for registers of so many numbers.
func kernels(_ name: String, of count: Int, for processor: String) -> Target {
  // Optimized in debug builds too: without it they are a hundred times slower, and not what is tested.
  // A manifest is not told for which processors it is asked; clang passes by what follows the name of another kind than that.
  let settings: [SwiftSetting] = [
    .define("LANES_\(count)"),
    .unsafeFlags([
      "-O", "-Xcc", "-Xarch_x86_64", "-Xcc", "-march=\(processor)", "-Xcc", "-Qunused-arguments",
    ]),
  ]
  return .target(
    name: name, dependencies: ["CProcessor", "Microkernels"], swiftSettings: settings)
}

/// The readers under fuzzing with their promises: a plain test on the corpus, or in its place, where pipelines/scripts/fuzz.sh asks for
/// it, a fuzzer, which only special flags compile.
let fuzzTargetImports: [Target.Dependency] = [
  "CLibrary", "CZlib", "CPNG", "Tensors", "Safetensors", "Gzip", "Formats", "Layers", "Networks",
  "ToolSupport",
]
let fuzzing: Target =
  Context.environment["NN_FUZZER"] == nil
  ? .testTarget(
    name: "FuzzTests", dependencies: fuzzTargetImports,
    exclude: ["Driver.swift", "Corpus", "Dictionaries", "README.md"])
  : .executableTarget(
    name: "fuzzer", dependencies: fuzzTargetImports, path: "Tests/FuzzTests",
    exclude: ["CorpusTests.swift", "Corpus", "Dictionaries", "README.md"])

let package = Package(
  name: "nn-tools",
  platforms: [.macOS(.v15)],
  products: tools.map { .executable(name: $0.name, targets: [$0.name]) },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.0"))
  ],
  targets: [
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(name: "CLinux"),
    .systemLibrary(
      name: "CDeflate", pkgConfig: "libdeflate",
      providers: [.apt(["libdeflate-dev"]), .brew(["libdeflate"])]),
    .systemLibrary(
      name: "CISAL", pkgConfig: "libisal",
      providers: [.apt(["libisal-dev"]), .brew(["isa-l"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CXXHash", pkgConfig: "libxxhash",
      providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]),

    .target(name: "CProcessor"),
    .target(name: "CLibrary"),
    // A fuzzer's sanitizer is told of to the Swift compiler alone.
    .target(
      name: "CMemory",
      cSettings: Context.environment["NN_FUZZER"] == nil ? [] : [.define("NN_SANITIZED")]),

    library("Tensors", ["CMemory"]),
    .target(name: "Microkernels"),
    kernels("KernelsBaseline", of: 4, for: "x86-64"),
    kernels("KernelsAVX2", of: 8, for: "x86-64-v3"),
    kernels("KernelsAVX512", of: 16, for: "x86-64-v4"),
    library(
      "Compute",
      ["Tensors", "Microkernels", "KernelsBaseline", "KernelsAVX2", "KernelsAVX512", "CProcessor"]),
    library("Gzip", ["Tensors", "Compute", "CZlib", "CDeflate", "CISAL"]),
    library("Safetensors", ["Tensors"]),
    library("Formats", ["Tensors", "CPNG"]),
    library("Layers", ["Tensors", "Compute"]),
    // A root of which C's errno need not hear is one instruction, for four numbers at once.
    .target(
      name: "Optimizers", dependencies: ["CLibrary", "Tensors", "Compute"],
      swiftSettings: [.unsafeFlags(["-Xcc", "-fno-math-errno"])]),
    library("Networks", ["Tensors", "Compute", "Layers"]),
    library(
      "Training",
      ["Tensors", "Compute", "Safetensors", "Layers", "Optimizers", "Networks", "CXXHash"]),
    library(
      "ToolSupport",
      [
        "Tensors", "Compute", "Gzip", "Safetensors", "Optimizers", "Training", "CMemory",
        "CProcessor", "CXXHash", "CLinux", argumentParser,
      ]),

    .executableTarget(
      name: "kernel-benchmark", dependencies: ["CLibrary", "Tensors", "Compute"],
      path: "benchmarks/kernels"),
    .target(name: "Comparison", dependencies: ["Tensors"], path: "Tests/Comparison"),
    .target(name: "Scratch", path: "Tests/Scratch"),
    tests(of: "Comparison", ["Tensors"]),
    tests(of: "Tensors"),
    tests(of: "Compute", ["Tensors", "CProcessor", "Comparison"]),
    tests(of: "Gzip", ["CZlib"]),
    tests(of: "Safetensors", ["Tensors"]),
    tests(of: "Formats", ["Tensors", "CPNG"]),
    tests(of: "Layers", ["Tensors", "Compute", "Comparison"]),
    tests(of: "Optimizers", ["Tensors", "Compute", "Comparison"]),
    tests(of: "Networks", ["Tensors", "Compute", "Layers", "Comparison"]),
    tests(
      of: "Training",
      ["Tensors", "Compute", "Safetensors", "Layers", "Networks", "Optimizers", "Comparison"]),
    tests(of: "ToolSupport", ["Scratch", "Tensors", "Gzip", "Safetensors"]),
    fuzzing,
    .testTarget(
      name: "PipelineTests", dependencies: ["Scratch", "Tensors", "Gzip", "Safetensors"]),
  ]
    + tools.map { name, imports in
      .executableTarget(
        name: name,
        dependencies: toolImports + imports)
    },
  swiftLanguageModes: [.v6]
)

// With NN_TESTS only those test targets are compiled, and no programs: a sanitizer's build takes half the time.
if let wanted = Context.environment["NN_TESTS"]?.split(separator: "|") {
  package.products.removeAll()
  package.targets.removeAll {
    $0.type == .executable || $0.type == .test && !wanted.contains(Substring($0.name))
  }
}

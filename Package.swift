// swift-tools-version: 6.1
import PackageDescription

/// The tools, and what each computes with besides reading and writing documents.
let tools: [(name: String, imports: [Target.Dependency])] = [
  ("nn-import", ["CLibrary", "Formats"]),
  ("nn-split", ["Training", "TrainingOptions"]),
  ("nn-batch", ["Training", "TrainingOptions"]),
  ("nn-augment", ["Augmentation", "AugmentationOptions", "Kernels"]),
  ("nn-init", ["Networks", "Propagation", "Training", "Kernels"]),
  ("nn-forward", ["Propagation", "Kernels"]),
  ("nn-backprop", ["Propagation", "Kernels"]),
  ("nn-sum", ["Training", "Kernels"]),
  ("nn-update", ["Training", "TrainingOptions", "Kernels"]),
  ("nn-eval", ["Training"]),
  (
    "nn-train", ["AugmentationOptions", "Propagation", "Training", "TrainingOptions", "Kernels"]
  ),
  ("nn-gradcheck", ["Propagation", "Training", "Kernels", "Layers"]),
  ("nn-inspect", []),
  ("nn-gate", ["Training", "TrainingOptions"]),
  ("nn-check", ["Checking", "Networks", "Training", "TrainingOptions"]),
  ("nn-registry", ["Training", "TrainingOptions"]),
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
func lanes(_ count: Int, for processor: String) -> Target {
  // Optimized in debug builds too: without it they are a hundred times slower, and not what is tested.
  // A manifest is not told for which processors it is asked; clang passes by what follows the name of another kind than that.
  let settings: [SwiftSetting] = [
    .define("LANES_\(count)"),
    .unsafeFlags([
      "-O", "-Xcc", "-Xarch_x86_64", "-Xcc", "-march=\(processor)", "-Xcc", "-Qunused-arguments",
    ]),
  ]
  return .target(
    name: "Lanes\(count)", dependencies: ["CProcessor", "Microkernels"], swiftSettings: settings)
}

/// The readers under fuzzing with their promises: a plain test on the corpus, or in its place, where pipelines/scripts/fuzz.sh asks for
/// it, a fuzzer, which only special flags compile.
let fuzzTargetImports: [Target.Dependency] = [
  "CLibrary", "CZlib", "CPNG", "Tensors", "Documents", "Gzip", "Safetensors", "Formats", "Layers",
  "Networks", "Stages",
]
let fuzzing: Target =
  Context.environment["NN_FUZZER"] == nil
  ? .testTarget(
    name: "FuzzTests", dependencies: fuzzTargetImports,
    exclude: ["Driver.swift", "Corpus", "Dictionaries", "README.md"])
  : .executableTarget(
    name: "fuzzer", dependencies: fuzzTargetImports, path: "Tests/FuzzTests",
    exclude: ["CorpusTests.swift", "Corpus", "Dictionaries", "README.md"])

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

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
    library("Random"),
    library("Kernels", ["Tensors", "CProcessor"]),
    .target(name: "Microkernels"),
    lanes(4, for: "x86-64"),
    lanes(8, for: "x86-64-v3"),
    lanes(16, for: "x86-64-v4"),
    library(
      "Products",
      ["Tensors", "Kernels", "Microkernels", "Lanes4", "Lanes8", "Lanes16"]),
    library("Gzip", ["Tensors", "Kernels", "CZlib", "CDeflate", "CISAL"]),
    library("Safetensors", ["Tensors"]),
    library("Documents", ["Tensors", "Safetensors"]),
    library("Formats", ["Tensors", "CPNG"]),
    library("Layers", ["Tensors", "Random", "Kernels", "Products"]),
    library("Losses", ["Tensors", "Kernels", "Layers"]),
    // A root of which C's errno need not hear is one instruction, for four numbers at once.
    .target(
      name: "Optimizers", dependencies: ["CLibrary", "Tensors", "Kernels", "Products"],
      swiftSettings: [.unsafeFlags(["-Xcc", "-fno-math-errno"])]),
    library("Networks", ["Tensors", "Random", "Kernels", "Products", "Layers", "Losses"]),
    library(
      "Training", ["Tensors", "Documents", "Random", "Kernels", "Optimizers", "Safetensors"]),
    library("Augmentation", ["Tensors", "Documents", "Random", "Kernels", "Safetensors"]),
    library(
      "Propagation",
      [
        "Tensors", "Augmentation", "Documents", "Random", "Kernels", "Layers", "Networks",
        "Optimizers",
        "Safetensors",
        "Training",
      ]),
    library(
      "Checking", ["Tensors", "CXXHash", "Documents", "Networks", "Safetensors", "Training"]),
    library(
      "Stages",
      [
        "Tensors", "Documents", "Gzip", "Kernels", "Safetensors", "CMemory", "CProcessor",
        "CXXHash", "CLinux", argumentParser,
      ]),
    library(
      "TrainingOptions",
      [
        "Tensors", "AugmentationOptions", "Optimizers", "Safetensors", "Stages", "Training",
        argumentParser,
      ]),
    library("AugmentationOptions", ["Tensors", "Augmentation", "Stages", argumentParser]),

    .executableTarget(
      name: "kernel-benchmark", dependencies: ["CLibrary", "Tensors", "Kernels", "Products"],
      path: "benchmarks/kernels"),
    .target(name: "Comparison", dependencies: ["Tensors"], path: "Tests/Comparison"),
    .target(name: "Scratch", path: "Tests/Scratch"),
    tests(of: "Comparison", ["Tensors"]),
    tests(of: "Tensors"),
    tests(of: "Random"),
    tests(of: "Kernels", ["Tensors", "CProcessor", "Comparison"]),
    tests(of: "Products", ["Tensors", "Kernels", "Comparison"]),
    tests(of: "Gzip", ["CZlib"]),
    tests(of: "Safetensors", ["Tensors"]),
    tests(of: "Documents", ["Tensors", "Safetensors"]),
    tests(of: "Formats", ["Tensors", "CPNG"]),
    tests(of: "Layers", ["Tensors", "Kernels", "Comparison"]),
    tests(of: "Losses", ["Tensors", "Kernels", "Layers", "Comparison"]),
    tests(of: "Optimizers", ["Tensors", "Kernels", "Products", "Comparison"]),
    tests(
      of: "Networks",
      ["Tensors", "Random", "Kernels", "Products", "Layers", "Losses", "Comparison"]),
    tests(
      of: "Training",
      ["Tensors", "Documents", "Kernels", "Optimizers", "Safetensors", "Comparison"]),
    tests(
      of: "Augmentation",
      ["Tensors", "Documents", "Random", "Kernels", "Safetensors", "Comparison"]),
    tests(
      of: "Propagation",
      [
        "Tensors", "Documents", "Random", "Kernels", "Layers", "Networks", "Optimizers",
        "Safetensors",
        "Training",
      ]),
    tests(of: "Checking", ["Tensors", "Documents", "Networks", "Safetensors", "Training"]),
    tests(of: "Stages", ["Scratch", "Tensors", "Documents", "Gzip", "Safetensors"]),
    .testTarget(name: "RegistryTests", dependencies: ["Scratch", "Stages", "TrainingOptions"]),
    fuzzing,
    .testTarget(
      name: "PipelineTests", dependencies: ["Scratch", "Tensors", "Gzip", "Safetensors"]),
  ]
    + tools.map { name, imports in
      .executableTarget(
        name: name,
        dependencies: ["Tensors", "Documents", "Safetensors", "Stages", argumentParser] + imports)
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

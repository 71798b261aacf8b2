import CLibrary

/// libFuzzer's own main program, which its archive without one offers (compiler-rt/lib/fuzzer/FuzzerInterface.h).
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ count: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ check: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

/// The fuzzer of the target that FUZZ_TARGET names; its arguments are libFuzzer's. (Not an argument, for libFuzzer starts
/// itself with all of its own.)
@main enum Driver {
  nonisolated(unsafe) private static var target = FuzzTarget.all[0]

  static func main() {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) }
    guard let found = FuzzTarget.all.first(where: { $0.name == name }) else {
      print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
      exit(name == nil ? 0 : 64)
    }
    target = found
    var count = CommandLine.argc
    var arguments = CommandLine.unsafeArgv
    exit(
      runFuzzer(&count, &arguments) { start, count in
        do {
          try Driver.target.check(UnsafeRawBufferPointer(start: start, count: count))
        } catch {
          fatalError("\(Driver.target.name): \(error)")
        }
        return 0
      })
  }
}

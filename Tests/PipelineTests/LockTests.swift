import Foundation
import Scratch
import Testing

/// Two writers of one output.
@Suite struct LockTests {
  private let options = "train.safetensors --size 2 --seed 1 --rate 0.1 -m start.safetensors"

  private func taken(_ name: String) -> String {
    "\(name): another process is writing it, try later"
  }

  @Test(arguments: [
    "nn-train \("train.safetensors --rate 0.1 -m start.safetensors --epochs 1") -o",
    "nn-init net -o", "nn-batch train.safetensors -o",
    "nn-split train.safetensors --fraction 0.5 --rest rest.gz -o",
  ])
  func theSecondIsRefusedAtOnce(_ command: String) throws {
    let ring = try Ring()
    try ring.folder.write("next.safetensors", "old")
    try FileManager.default.createSymbolicLink(
      atPath: ring.folder.path("link.safetensors"), withDestinationPath: "next.safetensors")
    let session = try RingSession(
      "exec nn-train \(options) --epochs 1000000 -o next.safetensors", in: ring.folder)
    try session.wait { ring.folder.exists(".next.safetensors.tmp") }
    // Whatever it calls the file.
    let names = ["next.safetensors", "./next.safetensors", "link.safetensors"]
    for name in names {
      let outcome = try Tool.sh("\(command) \(name)", in: ring.folder)
      #expect(outcome.status == 75 && outcome.output == [])
      #expect(outcome.message == "\(command.prefix { $0 != " " }): \(taken(name))\n")
    }
    // It has removed nothing of the first's, which a further one would not find.
    #expect(try Tool.sh("\(command) next.safetensors", in: ring.folder).status == 75)
    let other = try Tool.sh("\(command) other.safetensors", in: ring.folder)
    #expect(other.status == 0 && other.message == "")
    try session.signal(SIGKILL)
    _ = try session.outcome()
    // Nobody's any more, though the file is there.
    #expect(ring.folder.exists(".next.safetensors.tmp"))
    let next = try Tool.sh("\(command) next.safetensors", in: ring.folder)
    #expect(next.status == 0 && next.message == "")
    #expect(try ring.folder.read("next.safetensors") != Array("old".utf8))
    #expect(try !ring.folder.names().contains { $0.hasSuffix(".tmp") })
  }

  /// Many at once, again and again: each is refused or writes the whole file, and nothing is left.
  @Test func whoWinsWritesTheWholeFile() throws {
    let ring = try Ring()
    // In a session of its own, where a shell can wait for its children.
    let outcome = try RingSession(
      """
      for round in $(seq 40); do
        for writer in 1 2 3 4 5 6; do
          { nn-init net --seed 1 -o next.safetensors 2>/dev/null; echo $? >> statuses; } &
        done
        wait
        cmp next.safetensors start.safetensors || echo differs
      done
      sort -u statuses
      """, in: ring.folder
    ).outcome(watchdog: 300)
    #expect(["0\n", "0\n75\n"].contains(outcome.output), "\(outcome.output)")
    #expect(outcome.message == "" && !outcome.hasHung)
    #expect(try !ring.folder.names().contains { $0.hasSuffix(".tmp") })
  }

  @Test func whatIsInTheWayIsNotTouched() throws {
    let ring = try Ring()
    let folder = ring.folder
    try folder.write("precious", "mine")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path(".a.tmp"), withDestinationPath: "precious")
    try FileManager.default.createDirectory(
      atPath: folder.path(".b.tmp"), withIntermediateDirectories: false)
    let made = try Tool.sh("mkfifo .c.tmp", in: folder)
    try #require(made.status == 0)
    try expectRefusal(
      "nn-init", ["net", "-o", "a"], 73, "a: too many levels of symbolic links", in: folder)
    try expectRefusal("nn-init", ["net", "-o", "b"], 73, "b: is a directory", in: folder)
    let outcome = try Tool.run("nn-init", ["net", "-o", "c"], in: folder)
    #expect(outcome.status == 73)
    #expect(outcome.message.hasSuffix("/.c.tmp' is in the way\n"), "\(outcome.message)")
    #expect(try folder.read("precious") == Array("mine".utf8))
  }
}

import Foundation
import Scratch
import Testing

/// `make train`, held inside an epoch until the test lets it go on, on any machine, however fast.
///
/// Its programs are scripts, which give `nn-train` and `nn-batch` the training data three times, in
/// the
/// data's order. Of one epoch `nn-train` gets one of the three through a FIFO whose last byte is
/// held back; in the ring what `nn-batch` writes is held back after three batches.
struct HeldMakeRun {
  let run: MakeRun

  init(_ knobs: [String: String] = [:]) throws {
    var run = try MakeRun(knobs)
    run.knobs["BIN"] = try run.folder.tools(
      changing: ["nn-train": Self.script, "nn-batch": Self.script]
        .mapValues { "folder='\(run.folder.url.path)'\n" + $0 })
    self.run = run
    let data = try run.start(run.command(run.folder.path("data/train.safetensors.gz")))
      .outcome(watchdog: 120)
    try #require(data.status == 0, "\(data.message)")
  }

  /// `hold` says of which epoch which file is held, and where `nn-train` shows its steps.
  private static let script = """
    data='' words=()
    for word; do
      case $word in */train.safetensors.gz) data=$word ;; *) words+=("$word") ;; esac
    done
    words+=(--no-shuffle --shuffle-buffer 64)
    files=("$data" "$data" "$data")
    epoch='' file=1 terminal=''
    if [ -e "$folder/hold" ]; then read -r epoch file terminal <"$folder/hold"; fi
    case "${tool##*/} $* " in
      nn-train*" --epochs $epoch "*)
        rm "$folder/hold"
        files[file - 1]=$folder/rows
        trap ': >"$folder/signalled"' INT TERM
        env --default-signal=INT,TERM "$tool" "${files[@]}" "${words[@]}" 2>"$terminal" & child=$!
        status=0
        wait $child || status=$?
        # What a signal interrupts is the wait.
        while kill -0 $child 2>/dev/null; do status=0; wait $child || status=$?; done
        exit $status
        ;;
      nn-batch*" --epoch $epoch "*)
        rm "$folder/hold"
        set -o pipefail
        "$tool" "${files[@]}" "${words[@]}" | {
          cd "$folder"
          exec \(Ring.python("--after 3 0 ': >held; exec <gate'"))
        }
        ;;
      *) exec "$tool" "${files[@]}" "${words[@]}" ;;
    esac
    """

  /// Starts `make train`, and returns when it has made steps of an epoch and is held.
  ///
  /// - Parameters:
  ///   - command: nil for that of `run`.
  ///   - file: in front of which of the three, from 1; of the ring it does not matter.
  func start(_ command: String? = nil, holding epoch: Int, before file: Int) throws -> HeldMake {
    let folder = run.folder
    for name in ["rows", "gate", "held", "signalled"] where folder.exists(name) {
      try folder.remove(name)
    }
    let terminal = try Terminal()
    try folder.write("hold", "\(epoch) \(file) \(terminal.path)\n")
    guard mkfifo(folder.path("gate"), 0o600) == 0 else { throw POSIXError(.EIO) }
    let writer = try HeldWriter(
      folder.path("rows"), decompressed(folder.read("data/train.safetensors.gz")))
    let make = HeldMake(
      session: try run.start(command ?? run.command()), terminal: terminal, writer: writer,
      folder: folder, isRing: run.knobs["ENGINE"] == "ring")
    try make.waitUntilHeld()
    return make
  }
}

/// A `make train` that is held.
final class HeldMake {
  let session: RingSession
  private let terminal: Terminal
  private let writer: HeldWriter
  private let folder: Scratch
  private let isRing: Bool
  private var shown = ""

  fileprivate init(
    session: RingSession, terminal: Terminal, writer: HeldWriter, folder: Scratch, isRing: Bool
  ) {
    (self.session, self.terminal, self.writer) = (session, terminal, writer)
    (self.folder, self.isRing) = (folder, isRing)
  }

  /// What `nn-train` has shown.
  var message: String {
    shown += terminal.look()
    return shown
  }

  fileprivate func waitUntilHeld() throws {
    try session.wait { isRing ? folder.exists("held") : message.contains(", step ") }
  }

  /// Sends a signal to Make's group, and lets the training go on when `nn-train` has it.
  func interrupt(_ signal: Int32) throws {
    try session.signal(signal)
    if !isRing { try session.wait { folder.exists("signalled") } }
    writer.release()
  }
}

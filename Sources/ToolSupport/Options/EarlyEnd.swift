import Safetensors
import Training

// How a training ends that does not come to its end: what is left, and what is said.

extension DocumentOutput {
  /// Writes a trained model; one that a signal has stopped as `partial.NAME`, and says so.
  public func finish(_ model: Model, isPartial: Bool) throws {
    if !isPartial {
      try write(model.document())
      return try finish()
    }
    let name = try finishPartial(model.document())
    let place =
      model.position.map { "after step \($0) of epoch \(model.epoch + 1)" }
      ?? "after epoch \(model.epoch)"
    Messages.say("interrupted \(place): the model is in \(name), and --model goes on from there")
  }

  /// Keeps the model and the batch beside the output.
  ///
  /// - Parameters:
  ///   - model: before the step.
  ///   - batch: as the network was given it.
  /// - Returns: the line that says how to make the step again, one visible stage after another.
  public func keepFailedStep(
    model: Document, batch: Document, _ settings: UpdateSettings
  ) -> String {
    keepFailure(["model": model, "batch": batch]) { paths in
      let (model, batch) = (paths["model"] ?? "", paths["batch"] ?? "")
      let (trace, gradient) = (failurePath("trace"), failurePath("gradient"))
      return [
        ["nn-forward", "-m", model, "--trace", batch, "-o", trace],
        ["nn-backprop", trace, "-o", gradient],
        ["nn-update", "-m", model] + settings.options + [gradient, "-o", "/dev/null"],
      ]
    }
  }

  /// The same for `nn-update`, which has seen no more of the step than its end.
  public func keepFailedStep(
    model: Document, gradient: Document, _ settings: UpdateSettings
  ) -> String {
    keepFailure(["model": model, "gradient": gradient]) { paths in
      [
        ["nn-update", "-m", paths["model"] ?? ""] + settings.options
          + [paths["gradient"] ?? "", "-o", "/dev/null"]
      ]
    }
  }

  private func keepFailure(
    _ parts: [String: Document], _ commands: ([String: String]) -> [[String]]
  ) -> String {
    guard hasFolder else {
      return
        "with --output FILE what the step was made of is kept beside it, with the command that makes it again"
    }
    do {
      let commands = commands(try keepFailure(parts))
      return "to make the step again: "
        + commands.map { $0.map(shellWord).joined(separator: " ") }.joined(separator: " && ")
    } catch {
      return "what the step was made of could not be kept: \(error)"
    }
  }
}

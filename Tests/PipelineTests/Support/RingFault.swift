import Testing

extension Ring {
  /// Runs the ring, in which `cause` fails, under plain `sh` and under `bash`, and expects that it ends by itself, that
  /// the shell reports a failure, that every stage behind the cause says `upstream ended early`, and that no model
  /// appears.
  ///
  /// A stage before the cause ends quietly, for nobody reads its output any more; or `nn-forward` notices first that
  /// nobody writes the weights, and for `nn-backprop` that is an end of the traces.
  /// - Parameters:
  ///   - cause: nil when it is a filter.
  ///   - status: the cause's.
  ///   - filter: behind which stage the filter stands that fails.
  /// - Returns: what the two shells and the stages said.
  @discardableResult
  func expectFailure(
    of cause: RingStage?, status: Int32, orOfFilterBehind filter: RingStage? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> [RingOutcome] {
    let plain = try run()
    #expect(plain.status == (cause == .update ? status : 65), sourceLocation: sourceLocation)
    let (bash, statuses) = try runForStatuses()
    let place = cause?.rawValue ?? filter.map { $0.rawValue } ?? 0
    for stage in RingStage.allCases {
      if stage == cause {
        #expect(statuses[stage] == status, sourceLocation: sourceLocation)
      } else if stage.rawValue > place {
        #expect(statuses[stage] == 65, "\(stage)", sourceLocation: sourceLocation)
      }
      for outcome in [plain, bash] where stage != cause {
        let messages = outcome.messages(of: stage.tool)
        if stage.rawValue > place {
          #expect(messages.count == 1, "\(outcome.message)", sourceLocation: sourceLocation)
        }
        for message in messages {
          #expect(
            message.contains(": upstream ended early: "), "\(stage)", sourceLocation: sourceLocation
          )
        }
      }
      if stage != cause && stage.rawValue <= place {
        let messages = bash.messages(of: stage.tool)
        // A stage that had written everything has done its work.
        let expected: [Int32] = messages.isEmpty ? [141, 0] : [65]
        #expect(
          expected.contains(statuses[stage] ?? -1), "\(stage): \(bash.message)",
          sourceLocation: sourceLocation)
      }
    }
    for outcome in [plain, bash] { outcome.expectEndedByItself(within: 2, sourceLocation) }
    #expect(!folder.exists("next.safetensors"), sourceLocation: sourceLocation)
    // A program that is killed cannot clean up.
    if cause != .update || status != 137 {
      let names = try folder.names()
      #expect(!names.contains { $0.hasSuffix(".tmp") }, sourceLocation: sourceLocation)
    }
    return [plain, bash]
  }
}

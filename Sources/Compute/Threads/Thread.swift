import CLibrary

/// Starts a thread that runs `body` and ends; whoever starts it joins or detaches it.
///
/// Signals are the business of the thread that was there first: this one blocks them all.
///
/// - Returns: nil if the system starts no more threads.
public func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
  var all = sigset_t()
  var before = sigset_t()
  sigfillset(&all)
  pthread_sigmask(SIG_SETMASK, &all, &before)
  defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

  let argument = Unmanaged.passRetained(ThreadBody(body))
  #if canImport(Darwin)
    var started: pthread_t?
    let status = pthread_create(&started, nil, { runBody($0) }, argument.toOpaque())
  #else
    var thread = pthread_t()
    let status = pthread_create(&thread, nil, { runBody($0) }, argument.toOpaque())
    let started: pthread_t? = thread
  #endif
  guard status == 0, let started else {
    argument.release()
    return nil
  }
  return started
}

private final class ThreadBody: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func runBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
  return nil
}

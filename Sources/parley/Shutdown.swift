import Foundation
import ParleyAPI
import Synchronization

/// Ends the server on SIGTERM or SIGINT: for a while `/ready` says no and requests are still taken, then no new connections, and what was
/// begun has a bounded time to finish. A second signal ends the process at once.
final class Shutdown: Sendable {
  /// For requests in flight once no new ones are taken.
  private static let finishSeconds = 10

  private let sources: Mutex<[any DispatchSourceSignal]>

  init(drainSeconds: Int, api: API, stop: @escaping @Sendable () -> Void) {
    let first = FirstSignal()
    let queue = DispatchQueue(label: "parley.signals")
    sources = Mutex(
      [SIGTERM, SIGINT].map { number in
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
        source.setEventHandler {
          // Nothing that might wait for somebody: the output may be a pipe that nobody reads.
          guard first.take() else { _exit(1) }
          api.startDraining()
          queue.asyncAfter(deadline: .now() + .seconds(drainSeconds)) {
            stop()
            queue.asyncAfter(deadline: .now() + .seconds(Self.finishSeconds)) {
              _exit(1)
            }
          }
        }
        source.activate()
        return source
      })
  }

  /// The server has ended; what is left to do may be ended by a signal as usual.
  func end() {
    sources.withLock { sources in
      for source in sources { source.cancel() }
      sources = []
    }
    for number in [SIGTERM, SIGINT] { signal(number, SIG_DFL) }
  }
}

private final class FirstSignal: Sendable {
  private let isTaken = Atomic<Bool>(false)

  /// True once.
  func take() -> Bool { !isTaken.exchange(true, ordering: .relaxed) }
}

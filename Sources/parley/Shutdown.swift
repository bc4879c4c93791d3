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
          guard first.take() else { Foundation.exit(1) }
          api.startDraining()
          queue.asyncAfter(deadline: .now() + .seconds(drainSeconds)) {
            stop()
            queue.asyncAfter(deadline: .now() + .seconds(Self.finishSeconds)) {
              say("Requests did not finish within \(Self.finishSeconds) s; ending without them")
              Foundation.exit(1)
            }
          }
        }
        source.activate()
        return source
      })
  }

  /// The server has ended by itself.
  func end() {
    sources.withLock { sources in
      for source in sources { source.cancel() }
      sources = []
    }
  }
}

private final class FirstSignal: Sendable {
  private let isTaken = Atomic<Bool>(false)

  /// True once.
  func take() -> Bool { !isTaken.exchange(true, ordering: .relaxed) }
}

/// What the process may use, and which signals are no end of it.
enum ProcessLimits {
  static func prepare() {
    // A closed connection and a full disk are errors of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    // Shells often allow 1,024 open files, which as many connections would use up.
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}

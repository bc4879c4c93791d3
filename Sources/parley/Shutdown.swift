import CBuild
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

/// What the process may use, and which signals are no end of it.
enum ProcessLimits {
  /// Files that are not connections: the database, its log, timers.
  private static let filesReserved = 64

  /// Prepares the process, which itself opens up to `files` connections; returns how many others can have with it at a time.
  static func prepare(files: Int) -> Int {
    // A descriptor that the parent left closed must not become a database's: what is written to it would land there.
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
    // A closed connection and a full disk are errors of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    parley_return_memory()
    // Shells often allow 1,024 open files, which as many connections would use up.
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return Server.connectionsMax }
    limit.rlim_cur = min(limit.rlim_max, 65536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let allowed = Int(limit.rlim_cur)
    // Where files are few, clients still get a quarter.
    return max(1, min(Server.connectionsMax, max(allowed - filesReserved - min(files, allowed / 2), allowed / 4)))
  }
}

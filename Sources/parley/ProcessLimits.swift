import CBuild
import Foundation
import NIOCore
import ParleyAPI
import ParleyEngine
import ParleyStorage

/// What the process may use, and which signals are no end of it.
enum ProcessLimits {
  /// Files that are neither connections nor of event loops: the database, its log, standard output.
  private static let filesOfItsOwn = 49
  /// Files that an event loop opens.
  private static let filesPerLoop = 3

  /// How the files that the process may open are shared out among connections.
  struct Shares: Equatable {
    /// Connections that clients can have at a time.
    var clients = Server.connectionsMax
    /// Deliveries in flight, each of which has a connection.
    var deliveries: Int
    /// Whether connections to receivers are kept for the next delivery.
    var keepsConnections = true
    /// Files that the process may open; nil where the system does not say.
    var allowed: Int?

    /// Shares `allowed` files out. Clients get what the others leave, and at least a quarter. `reserved` is for what is no connection.
    init(allowed: Int, reserved: Int, deliveries wanted: Int, database: Int) {
      let files = wanted * 2 + database
      clients = max(1, min(Server.connectionsMax, max(allowed - reserved - min(files, allowed / 2), allowed / 4)))
      let left = allowed - reserved - clients - database
      deliveries = max(1, min(wanted, left))
      // One may be kept for each that is in flight.
      keepsConnections = left >= wanted * 2
      self.allowed = allowed
    }

    init(deliveries: Int) { self.deliveries = deliveries }

    func apply(to settings: inout WebhookSettings) {
      settings.concurrency = deliveries
      if !keepsConnections { settings.idleTime = .zero }
    }
  }

  /// Files that are not connections. The system's number of processors decides how many event loops there are.
  static var filesReserved: Int {
    let loops = System.coreCount + min(4, System.coreCount) + 1
    return filesOfItsOwn + loops * filesPerLoop
  }

  /// Prepares the process for so many deliveries in flight and connections to a database server. Throws where it may open too few files.
  static func prepare(deliveries: Int, database: Int) throws -> Shares {
    // A descriptor that the parent left closed must not become a database's: what is written to it would land there.
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
    // A closed connection and a full disk are errors of one write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    parley_return_memory()
    guard let allowed = try raiseFiles(atLeast: filesReserved) else { return Shares(deliveries: deliveries) }
    return Shares(allowed: allowed, reserved: filesReserved, deliveries: deliveries, database: database)
  }

  /// Raises the limit of open files to what the process may have, as shells often allow 1,024, which as many connections would use up.
  /// Answers the limit, nil where the system does not say. Throws where it is lower than `count`: event loops end the process then.
  @discardableResult
  static func raiseFiles(atLeast count: Int) throws -> Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
    limit.rlim_cur = min(limit.rlim_max, 65536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let allowed = Int(limit.rlim_cur)
    guard allowed >= count else {
      throw StartFailure("the process may open \(allowed) files and needs at least \(count) on this machine: raise its limit (ulimit -n)")
    }
    return allowed
  }
}

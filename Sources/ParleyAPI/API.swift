import ParleyDomain
import ParleyEngine
import Synchronization

/// The API of one engine: what is served, and what is kept beside the database while it runs.
package final class API: Sendable {
  let engine: Engine
  let authentication: Authentication
  let tokens: PageTokens
  let baseURLs: BaseURLs
  let bodies: BodyReader
  let answers: AnswerBudget
  let connections: ConnectionCounts
  let connectionsPerAddress: Int
  let counts: HTTPCounts
  let log: LogSink
  private let draining = Atomic<Bool>(false)

  /// `clock` says how long a sign-in has been remembered.
  package init(
    engine: Engine, settings: APISettings, log: LogSink, clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    self.engine = engine
    self.log = log
    authentication = Authentication(accounts: engine.accounts, rateLimit: settings.rateLimit, clock: clock)
    tokens = PageTokens(key: engine.key)
    baseURLs = BaseURLs(publicURL: settings.publicURL, trustedProxies: settings.trustedProxies)
    bodies = BodyReader(budget: BodyBudget(bytes: settings.bodyMemoryMiB << 20))
    answers = AnswerBudget(bytes: settings.bodyMemoryMiB << 20)
    connections = ConnectionCounts(trusted: settings.trustedProxies)
    connectionsPerAddress = settings.connectionsPerAddress
    counts = HTTPCounts()
  }

  /// From now on `/ready` says no; requests are still answered.
  package func startDraining() { draining.store(true, ordering: .relaxed) }

  var isDraining: Bool { draining.load(ordering: .relaxed) }
}

/// What an operator can set of the API.
package struct APISettings: Sendable {
  /// Requests a second for each account; 0 for no limit.
  package var rateLimit = 0
  /// Bodies of requests in flight, in MiB, and as much again for those of answers.
  package var bodyMemoryMiB = 256
  /// Scheme and host in absolute URLs; nil to take them from the request.
  package var publicURL: String?
  /// Connections of one client address; 0 for no limit.
  package var connectionsPerAddress = 1000
  /// Addresses whose `X-Forwarded-*` headers are believed, and whose connections have no limit.
  package var trustedProxies: Set<IPAddress> = []

  package init() {}
}

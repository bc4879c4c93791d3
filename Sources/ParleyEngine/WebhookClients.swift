import AsyncHTTPClient
import NIOCore
import NIOPosix
import NIOSSL
import ParleyDomain
import Synchronization

/// HTTP clients, one for each name and the address that was checked for it: a client resolves nothing by itself, so a connection goes where
/// the check said, with the name in its TLS handshake. Those that nobody uses are closed.
final class WebhookClients: Sendable {
  /// One that somebody uses.
  struct Taken: Sendable {
    fileprivate let key: Key
    let client: HTTPClient
    /// Whether nobody else uses it.
    fileprivate var isOwn = false
  }

  fileprivate struct Key: Hashable {
    let host: String
    let address: String
  }

  private struct Entry {
    let client: HTTPClient
    var users = 0
    var lastUse: ContinuousClock.Instant
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var nextSweep = ContinuousClock.now
  }

  /// Clients that nobody uses and that are kept, and for how long.
  private static let idleMax = 100
  private static let idleTime = Duration.seconds(60)

  private let settings: WebhookSettings
  private let state = Mutex(State())

  init(settings: WebhookSettings) { self.settings = settings }

  /// A client for a name that connects to the address alone. It must be given back.
  func take(host: String, address: String) -> Taken {
    let key = Key(host: host, address: address)
    let (client, unused) = state.withLock { state in
      let now = ContinuousClock.now
      var entry = state.entries[key] ?? Entry(client: newClient(key), lastUse: now)
      entry.users += 1
      entry.lastUse = now
      state.entries[key] = entry
      return (entry.client, Self.sweep(&state, at: now))
    }
    for client in unused { Task { try? await client.shutdown() } }
    return Taken(key: key, client: client)
  }

  /// A client that has no connection yet, for one request. It must be given back.
  func fresh(host: String, address: String) -> Taken {
    let key = Key(host: host, address: address)
    return Taken(key: key, client: newClient(key), isOwn: true)
  }

  func giveBack(_ taken: Taken) {
    if taken.isOwn {
      Task { try? await taken.client.shutdown() }
      return
    }
    state.withLock { state in
      state.entries[taken.key]?.users -= 1
      state.entries[taken.key]?.lastUse = .now
    }
  }

  /// Closes them all; nobody may use one any more.
  func shutDown() async {
    let all = state.withLock { state in
      defer { state.entries = [:] }
      return state.entries.values.map(\.client)
    }
    for client in all { try? await client.shutdown() }
  }

  private static func sweep(_ state: inout State, at now: ContinuousClock.Instant) -> [HTTPClient] {
    guard now >= state.nextSweep || state.entries.count > idleMax * 2 else { return [] }
    state.nextSweep = now + .seconds(10)
    let idle = state.entries.filter { $0.value.users == 0 }.sorted { $0.value.lastUse < $1.value.lastUse }
    let excess = max(0, idle.count - idleMax)
    let closed = idle.enumerated().filter { index, entry in index < excess || now - entry.value.lastUse > idleTime }.map(\.element)
    for (key, _) in closed { state.entries[key] = nil }
    return closed.map(\.value.client)
  }

  private func newClient(_ key: Key) -> HTTPClient {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    tls.trustRoots = settings.trustRoots
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: .microseconds(Int64(settings.connectTime.microseconds))),
      connectionPool: .init(
        idleTimeout: .microseconds(Int64(settings.idleTime.microseconds)), concurrentHTTP1ConnectionsPerHostSoftLimit: settings.perHost),
      decompression: .disabled)
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.guardReplies()
    // Nobody would see the spans.
    configuration.tracing.tracer = nil
    configuration.dnsOverride = [key.host: key.address]
    return HTTPClient(eventLoopGroupProvider: .shared(WebhookThreads.group), configuration: configuration)
  }
}

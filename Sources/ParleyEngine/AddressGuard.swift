import ParleyDomain
import Synchronization

/// Who knows the addresses of a name. Throws if there are none, `ResolverTimeout` if none came in time.
package protocol HostResolver: Sendable {
  func addresses(of host: String) async throws -> [IPAddress]
}

/// Nothing is known of a name yet: the name servers are silent, or other names have to be looked up first.
package struct ResolverTimeout: Error {}

/// Finds the addresses that a callback is sent to, and refuses those that it must not reach (B-HOOK-21).
///
/// The sender connects to what this answers and to nothing else, so no later answer of a name server counts.
package struct AddressGuard: Sendable {
  /// Why there is no address.
  package struct Refusal: Error, Equatable {
    package let failure: Attempt.Failure
  }

  /// Addresses that are tried one after the other.
  package static let addressesMax = 4

  private let policy: CallbackPolicy
  private let resolver: any HostResolver
  private let cache: Cache

  /// An answer of the resolver is used again for `lifetime`.
  package init(policy: CallbackPolicy, resolver: any HostResolver, lifetime: Duration = .seconds(10)) {
    (self.policy, self.resolver) = (policy, resolver)
    cache = Cache(lifetime: lifetime)
  }

  /// Texts of the addresses to try, in the resolver's order. If the policy does not allow one of a name's addresses, the name is refused.
  /// A host that is an address, in whatever notation, is answered in its canonical form and is not resolved.
  package func addresses(of target: CallbackTarget) async throws(Refusal) -> [String] {
    // The URL may have been stored under other settings.
    guard policy.objection(to: "\(target.scheme)://\(target.hostHeader)/") == nil else { throw Refusal(failure: .addressRefused) }
    let found: [IPAddress]
    if let address = IPAddress(target.host) {
      found = [address]
    } else {
      found = try await resolved(target.host)
    }
    guard found.allSatisfy({ policy.allows($0, host: target.host, port: target.port) }) else { throw Refusal(failure: .addressRefused) }
    return Self.chosen(found).map(\.description)
  }

  /// The next call asks for the name anew: to be called when none of its addresses could be reached.
  package func forget(_ host: String) { cache.remove(host) }

  private func resolved(_ host: String) async throws(Refusal) -> [IPAddress] {
    if let known = cache[host] { return known }
    do {
      let found = try await resolver.addresses(of: host)
      guard !found.isEmpty else { throw Refusal(failure: .dns) }
      cache[host] = found
      return found
    } catch {
      // Name servers that are silent, or that others keep us waiting for, are no reason to give an event up.
      if error is ResolverTimeout, let kept = cache.kept(host) { return kept }
      throw Refusal(failure: Task.isCancelled ? .interrupted : .dns)
    }
  }

  /// The first few; the last of them is of the other family if that would be missing, as a host may be reached by one alone.
  private static func chosen(_ found: [IPAddress]) -> [IPAddress] {
    let first = Array(found.prefix(addressesMax))
    guard let other = found.dropFirst(addressesMax).first(where: { $0.isVersion4 != first[0].isVersion4 }),
      first.allSatisfy({ $0.isVersion4 == first[0].isVersion4 })
    else { return first }
    return first.dropLast() + [other]
  }
}

extension IPAddress {
  fileprivate var isVersion4: Bool { if case .v4 = self { true } else { false } }
}

/// What names led to a moment ago.
private final class Cache: Sendable {
  private static let namesMax = 10_000
  /// How long an answer is kept that is past its lifetime.
  private static let keptFor = Duration.seconds(600)

  private let lifetime: Duration
  private struct Entry {
    let addresses: [IPAddress]
    /// When it should be asked for anew, and when it is too old in any case.
    var end: ContinuousClock.Instant
    let lastEnd: ContinuousClock.Instant
  }

  private let entries = Mutex<[String: Entry]>([:])

  init(lifetime: Duration) { self.lifetime = lifetime }

  subscript(host: String) -> [IPAddress]? {
    get {
      entries.withLock { entries in
        guard let entry = entries[host], entry.end > .now else { return nil }
        return entry.addresses
      }
    }
    set {
      guard lifetime > .zero, let newValue else { return }
      entries.withLock { entries in
        let now = ContinuousClock.now
        if entries.count >= Self.namesMax { entries = entries.filter { $0.value.lastEnd > now } }
        if entries.count >= Self.namesMax { entries = entries.filter { $0.value.end > now } }
        if entries.count >= Self.namesMax { entries = [:] }
        entries[host] = Entry(addresses: newValue, end: now + lifetime, lastEnd: now + lifetime + Self.keptFor)
      }
    }
  }

  /// The last answer, also one that should be asked for anew. It is good for another lifetime, so that not every event waits in vain.
  func kept(_ host: String) -> [IPAddress]? {
    entries.withLock { entries in
      let now = ContinuousClock.now
      guard let entry = entries[host], entry.lastEnd > now else { return nil }
      entries[host]?.end = min(now + lifetime, entry.lastEnd)
      return entry.addresses
    }
  }

  func remove(_ host: String) { entries.withLock { $0[host] = nil } }
}

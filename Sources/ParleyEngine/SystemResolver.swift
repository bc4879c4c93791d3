import Foundation
import NIOCore
import NIOPosix
import ParleyDomain
import Synchronization

/// Asks the machine's resolver, on threads of its own, because that may take half a minute. A caller waits for a bounded time only.
///
/// A name is looked up once at a time, however many ask for it, so that one that hangs holds one thread.
package struct SystemResolver: HostResolver {
  /// The name has no address.
  package struct NotResolved: Error {}

  private let lookups: Lookups

  package init(timeout: Duration = .seconds(5)) {
    lookups = Lookups(timeout: timeout) { Self.look($0) }
  }

  /// With another way to look, which may block its thread.
  init(timeout: Duration, look: @escaping @Sendable (String) -> [IPAddress]?) {
    lookups = Lookups(timeout: timeout, look: look)
  }

  package func addresses(of host: String) async throws -> [IPAddress] {
    // Digits that are no host name would be read as an address by some resolvers and end elsewhere.
    if let address = IPAddress(host) { return [address] }
    return try await lookups.addresses(of: host)
  }

  /// Nil where nobody could say: name servers that are silent or refuse are no proof that there is no such name.
  private static func look(_ host: String) -> [IPAddress]? {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    #if canImport(Darwin)
      hints.ai_socktype = SOCK_STREAM
    #else
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #endif
    var first: UnsafeMutablePointer<addrinfo>?
    switch getaddrinfo(host, nil, &hints, &first) {
    case 0: break
    case EAI_AGAIN, EAI_FAIL, EAI_SYSTEM, EAI_MEMORY: return nil
    default: return []
    }
    defer { freeaddrinfo(first) }
    var found: [IPAddress] = []
    var next = first
    while let entry = next {
      if let address = IPAddress(entry.pointee), !found.contains(address) { found.append(address) }
      next = entry.pointee.ai_next
    }
    return found
  }
}

extension IPAddress {
  fileprivate init?(_ entry: addrinfo) {
    guard let address = entry.ai_addr else { return nil }
    switch entry.ai_family {
    case AF_INET:
      self = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { .v4(UInt32(bigEndian: $0.pointee.sin_addr.s_addr)) }
    case AF_INET6:
      self = address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
        withUnsafeBytes(of: $0.pointee.sin6_addr) { bytes in .v6(bytes.reduce(0) { $0 << 8 | UInt128($1) }) }
      }
    default:
      return nil
    }
  }
}

/// Lookups that run or wait for a thread, and who waits for them.
private final class Lookups: Sendable {
  private typealias Waiter = CheckedContinuation<[IPAddress], any Error>

  private struct State {
    var waiters: [String: [Int: Waiter]] = [:]
    var queue: [String] = []
    var threads = 0
    var lastWaiter = 0
  }

  /// More than the names that are likely to hang together; a thread ends when nothing is left to look up.
  private static let threadsMax = 64
  private static let namesMax = 10_000

  private let timeout: Duration
  private let look: @Sendable (String) -> [IPAddress]?
  private let state = Mutex(State())

  init(timeout: Duration, look: @escaping @Sendable (String) -> [IPAddress]?) { (self.timeout, self.look) = (timeout, look) }

  func addresses(of host: String) async throws -> [IPAddress] {
    let id = state.withLock { state in
      state.lastWaiter += 1
      return state.lastWaiter
    }
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let timer = loop.scheduleTask(in: .nanoseconds(Int64(timeout / .nanoseconds(1)))) { self.giveUp(id, on: host) }
    defer { timer.cancel() }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { waiter in
        guard add(waiter, id, for: host) else { return waiter.resume(throwing: ResolverTimeout()) }
        // The task may have been cancelled before there was a waiter to tell.
        if Task.isCancelled { giveUp(id, on: host) }
      }
    } onCancel: {
      giveUp(id, on: host)
    }
  }

  private func add(_ waiter: Waiter, _ id: Int, for host: String) -> Bool {
    let (isAdded, needsThread) = state.withLock { state in
      if state.waiters[host] != nil {
        state.waiters[host]?[id] = waiter
        return (true, false)
      }
      guard state.waiters.count < Self.namesMax else { return (false, false) }
      state.waiters[host] = [id: waiter]
      state.queue.append(host)
      guard state.threads < Self.threadsMax else { return (true, false) }
      state.threads += 1
      return (true, true)
    }
    if needsThread { Thread.detachNewThread { self.work() } }
    return isAdded
  }

  private func giveUp(_ id: Int, on host: String) {
    let waiter = state.withLock { $0.waiters[host]?.removeValue(forKey: id) }
    waiter?.resume(throwing: ResolverTimeout())
  }

  private func work() {
    while let host = next() {
      let found = look(host)
      let waiters = state.withLock { $0.waiters.removeValue(forKey: host) ?? [:] }
      for waiter in waiters.values {
        switch found {
        case nil: waiter.resume(throwing: ResolverTimeout())
        case []: waiter.resume(throwing: SystemResolver.NotResolved())
        case let found?: waiter.resume(returning: found)
        }
      }
    }
  }

  /// The next name that somebody still waits for; nil if there is none, and then the thread is gone.
  private func next() -> String? {
    state.withLock { state in
      while !state.queue.isEmpty {
        let host = state.queue.removeFirst()
        if state.waiters[host]?.isEmpty == false { return host }
        state.waiters[host] = nil
      }
      state.threads -= 1
      return nil
    }
  }
}

import NIOCore
import ParleyDomain
import Synchronization

/// Open connections by client address (B-HTTP-14).
final class ConnectionCounts: Sendable {
  private struct State {
    var open = 0
    var refused = 0
    /// Only addresses that have connections.
    var byAddress: [IPAddress: Int] = [:]
  }

  private let trusted: Set<IPAddress>
  private let state = Mutex(State())

  /// Connections of `trusted` proxies are those of many clients, and have no limit.
  init(trusted: Set<IPAddress>) { self.trusted = Set(trusted.map(\.unmapped)) }

  var open: Int { state.withLock(\.open) }
  var refused: Int { state.withLock(\.refused) }

  /// Counts the connection until it is closed. False if its address has as many as it may have.
  func add(_ channel: any NIOCore.Channel, perAddress connectionsMax: Int) -> Bool {
    let address = channel.remoteAddress?.client.flatMap { trusted.contains($0) ? nil : $0 }
    let isAdmitted = state.withLock { state in
      if let address {
        guard state.byAddress[address, default: 0] < connectionsMax else {
          state.refused += 1
          return false
        }
        state.byAddress[address, default: 0] += 1
      }
      state.open += 1
      return true
    }
    if isAdmitted { channel.closeFuture.whenComplete { _ in self.remove(address) } }
    return isAdmitted
  }

  private func remove(_ address: IPAddress?) {
    state.withLock { state in
      state.open -= 1
      guard let address, let count = state.byAddress[address] else { return }
      state.byAddress[address] = count > 1 ? count - 1 : nil
    }
  }
}

extension SocketAddress {
  /// The address without its port; that of an IPv4 client is the same on a socket for IPv4 and on one for both.
  var client: IPAddress? { ipAddress.flatMap(IPAddress.init)?.unmapped }
}

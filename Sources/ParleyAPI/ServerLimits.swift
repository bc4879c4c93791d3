import NIOCore

/// How many connections the server has at a time, and how long one may stand still.
package struct ServerLimits: Sendable {
  /// Connections at a time; beyond, new ones wait. Fewer where the process may not open so many files.
  package var connections = Server.connectionsMax
  /// How long a connection may go without a request, or without the next part of one.
  package var idle = TimeAmount.seconds(75)
  /// How long a client may take nothing of its answer (B-HTTP-14).
  package var writing = TimeAmount.seconds(60)
  /// How long a connection stays open behind its last answer, so that a client that still sends gets to read it.
  package var lingering = TimeAmount.seconds(1)

  package init() {}

  /// How many of the connections one address may have: at most half, so that there is always room for others.
  func perAddress(_ setting: Int) -> Int { setting == 0 ? .max : min(setting, max(1, connections / 2)) }
}

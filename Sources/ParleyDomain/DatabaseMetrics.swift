/// What a database has done since the start, for the operator.
package struct DatabaseMetrics: Sendable {
  package var commits: Int = 0
  package var failedCommits: Int = 0
  /// Closures that ran in a committed transaction; with `commits` the mean size of a group.
  package var writes: Int = 0
  package var commitMicroseconds: Int = 0
  package var reads: Int = 0
  package var readMicroseconds: Int = 0
  package var queueLength: Int = 0
  package var refusedByQueue: Int = 0
  /// Time that closures waited for a connection; only of those that had to.
  package var waitMicroseconds: Int = 0
  /// Runs of transactions that had to be repeated because of other writers or a lost connection.
  package var retries: Int = 0
  /// Connections to a database server: open, busy, and those that could not be opened.
  package var connections: Int = 0
  package var connectionsInUse: Int = 0
  package var connectionsFailed: Int = 0

  package init() {}
}

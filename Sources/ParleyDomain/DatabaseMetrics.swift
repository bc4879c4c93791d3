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

  package init() {}
}

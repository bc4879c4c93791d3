import ParleyDomain

/// What is found by time and not by account: the lanes of all accounts that are due. Statements without an account stand here and in
/// `Backlog.swift` alone.
extension SystemTransaction {
  /// The hosts that lanes lead to, with the time of the earliest. It skips from one host to the next, so that ten thousand lanes of one cost
  /// no more than one.
  package func dueTimes() throws -> [(host: String, due: Timestamp)] {
    try connection.all(
      """
      WITH RECURSIVE hosts (host) AS (
        SELECT (SELECT MIN(host) FROM lane WHERE paused = 0)
        UNION ALL
        SELECT (SELECT MIN(host) FROM lane WHERE paused = 0 AND lane.host > hosts.host) FROM hosts WHERE hosts.host IS NOT NULL
      )
      SELECT host, (SELECT MIN(due_at) FROM lane WHERE paused = 0 AND lane.host = hosts.host) FROM hosts WHERE host IS NOT NULL
      """
    ) { ($0.text(0), $0.timestamp(1)) }
  }

  /// Ends all leases, where nobody can hold one.
  package func endLeases(at now: Timestamp) throws {
    try connection.send("UPDATE lane SET lease = '', due_at = \(now) WHERE lease <> ''")
  }

  /// When the first lane of a host is due; nil if it has none.
  package func nextDue(host: String) throws -> Timestamp? {
    try connection.one("SELECT MIN(due_at) FROM lane WHERE host = \(host) AND paused = 0") { $0.optionalTimestamp(0) } ?? nil
  }

  /// Leases the lanes of a host that have been due for longest. Lanes that another claims at the moment are passed over.
  package func claim(host: String, upTo limit: Int, lease: String, until: Timestamp, at now: Timestamp) throws -> [LeasedLane] {
    var lanes: [LeasedLane] = []
    try connection.claimedRows(
      """
      SELECT account_id, id, url_hash FROM lane WHERE host = \(host) AND paused = 0 AND due_at <= \(now) ORDER BY due_at LIMIT \(Int64(limit))
      """
    ) { row in
      let lane = Lane(account: Account.ID(row.text(0)), id: row.text(1), host: host, urlHash: row.text(2))
      lanes.append(LeasedLane(lane: lane, lease: lease, until: until))
    }
    for leased in lanes {
      let account = leased.lane.owner
      try connection.send(
        "UPDATE lane SET lease = \(lease), due_at = \(until) WHERE account_id = \(account) AND id = \(leased.lane.id)")
    }
    return lanes
  }
}

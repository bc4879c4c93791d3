import ParleyDomain

/// What is found by time and not by account: the lanes of all accounts that are due. Statements without an account stand here, in
/// `Backlog.swift` and in `ClockSteps.swift` alone.
extension SystemTransaction {
  /// The hosts that lanes lead to, with the time of the earliest; suspects are under `Lane.suspects`. It skips from one host to the next, so
  /// that ten thousand lanes of one cost no more than one.
  package func dueTimes() throws -> [(host: String, due: Timestamp)] {
    try connection.all(
      """
      WITH RECURSIVE hosts (host) AS (
        SELECT (SELECT MIN(host) FROM lane WHERE paused = 0)
        UNION ALL
        SELECT (SELECT MIN(host) FROM lane WHERE paused = 0 AND lane.host > hosts.host) FROM hosts WHERE hosts.host IS NOT NULL
      )
      SELECT host, (SELECT MIN(due_at) FROM lane WHERE paused = 0 AND lane.host = hosts.host) FROM hosts WHERE host IS NOT NULL
      UNION ALL
      SELECT '*', suspect.due FROM (SELECT MIN(due_at) AS due FROM lane WHERE paused = 2) AS suspect WHERE suspect.due IS NOT NULL
      """
    ) { ($0.text(0), $0.timestamp(1)) }
  }

  /// Makes all leased lanes due, where nobody can hold a lease. The leases stay, so that a claim sees that their processes ended.
  package func endLeases(at now: Timestamp) throws {
    try connection.send("UPDATE lane SET due_at = \(now), set_at = \(now) WHERE lease <> ''")
  }

  /// When the first lane of a host is due; nil if it has none.
  package func nextDue(host: String) throws -> Timestamp? {
    let sql: SQL =
      host == Lane.suspects
      ? "SELECT MIN(due_at) FROM lane WHERE paused = 2" : "SELECT MIN(due_at) FROM lane WHERE host = \(host) AND paused = 0"
    return try connection.one(sql) { $0.optionalTimestamp(0) } ?? nil
  }

  /// Leases the lanes of a host that have been due for longest. Lanes that another claims at the moment are passed over.
  ///
  /// A lane that is due and still has a lease was not handed back. If the lease is another loop's, that process ended, and the end is
  /// counted against the lane's first job. If it is this loop's own, the loop left the lane in the middle or the clock jumped. `isInHand`
  /// says whether the loop still works on the lane; if so, the lease is renewed and the lane is not claimed.
  package func claim(
    host: String, upTo limit: Int, lease: String, until: Timestamp, at now: Timestamp,
    isInHand: (Lane, _ lease: String) -> Bool = { _, _ in false }
  ) throws -> [LeasedLane] {
    var found: [(leased: LeasedLane, former: String)] = []
    let isSuspect = host == Lane.suspects
    let sql: SQL =
      isSuspect
      ? """
      SELECT account_id, id, url_hash, lease, host FROM lane WHERE paused = 2 AND due_at <= \(now) ORDER BY due_at LIMIT \(Int64(limit))
      """
      : """
      SELECT account_id, id, url_hash, lease FROM lane WHERE host = \(host) AND paused = 0 AND due_at <= \(now) ORDER BY due_at
      LIMIT \(Int64(limit))
      """
    try connection.claimedRows(sql) { row in
      let lane = Lane(account: Account.ID(row.text(0)), id: row.text(1), host: isSuspect ? row.text(4) : host, urlHash: row.text(2))
      var leased = LeasedLane(lane: lane, lease: lease, until: until)
      leased.isSuspect = isSuspect
      found.append((leased, row.text(3)))
    }
    return try found.compactMap { leased, former in
      let (account, id) = (leased.lane.owner, leased.lane.id)
      var leased = leased
      if !former.isEmpty {
        if LeasedLane.owner(of: former) != LeasedLane.owner(of: lease) {
          leased.isTakenOver = true
          try countEnd(in: leased)
        } else if isInHand(leased.lane, former) {
          try connection.send("UPDATE lane SET due_at = \(until), set_at = \(now) WHERE account_id = \(account) AND id = \(id)")
          return nil
        }
      }
      try connection.send(
        "UPDATE lane SET lease = \(lease), due_at = \(until), set_at = \(now) WHERE account_id = \(account) AND id = \(id)")
      return leased
    }
  }

  /// Counts an end of a process against the job that is first in a lane, which the claim holds.
  private func countEnd(in leased: LeasedLane) throws {
    // What the installation does for itself is not set aside.
    guard leased.lane.account != nil else { return }
    let (account, id, alone) = (leased.lane.owner, leased.lane.id, leased.isSuspect ? 1 : 0 as Int64)
    try connection.send(
      """
      UPDATE job SET ends = ends + 1, ends_alone = ends_alone + \(alone) WHERE account_id = \(account) AND lane_id = \(id)
        AND position = (SELECT MIN(position) FROM job WHERE account_id = \(account) AND lane_id = \(id))
      """)
  }

  /// Takes back what was counted against a job when another loop took its lane: the process that lost the lane had not ended.
  package func takeBackEnd(of job: Job, in leased: LeasedLane) throws {
    let (account, alone) = (leased.lane.owner, leased.isSuspect ? 1 : 0 as Int64)
    try connection.send(
      """
      UPDATE job SET ends = ends - 1, ends_alone = ends_alone - \(alone) WHERE account_id = \(account) AND lane_id = \(leased.lane.id)
        AND position = \(job.position) AND key = \(job.key) AND ends > 0 AND ends_alone >= \(alone)
      """)
  }
}

extension Lane {
  /// Stands for all suspects, where hosts are counted: they are claimed one at a time. A host always has a port.
  package static let suspects = "*"
}

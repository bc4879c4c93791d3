import ParleyDomain

/// Lanes that got their time while the clock was ahead. Nobody would touch them until the clock gets there again.
extension SystemTransaction {
  /// Lanes whose time was set after now, or that are due later than `longest` allows: at most `limit`, in the order of their keys, beyond
  /// `last`. It walks through all lanes.
  package func lanesAhead(
    of now: Timestamp, longest: Duration, beyond last: (owner: String, id: String)?, limit: Int
  ) throws -> [(owner: String, id: String)] {
    try connection.all(
      """
      SELECT account_id, id FROM lane WHERE (account_id, id) > (\(last?.owner ?? ""), \(last?.id ?? ""))
        AND (set_at > \(now.adding(Timestamp.clockTolerance)) OR due_at > \(now.adding(longest)))
      ORDER BY account_id, id LIMIT \(Int64(limit))
      """
    ) { ($0.text(0), $0.text(1)) }
  }

  /// Makes such lanes due, unless they got another time since. One that is leased gets as long as a new lease: a worker that has it in hand
  /// goes on, and a dead one loses it soon.
  package func bringBack(_ lanes: [(owner: String, id: String)], to now: Timestamp, longest: Duration, lease: Duration) throws {
    for (account, id) in lanes {
      try connection.send(
        """
        UPDATE lane SET due_at = CASE WHEN lease = '' THEN \(now) ELSE \(now.adding(lease)) END, set_at = \(now)
        WHERE account_id = \(account) AND id = \(id)
          AND (set_at > \(now.adding(Timestamp.clockTolerance)) OR due_at > \(now.adding(longest)))
        """)
    }
  }
}

import ParleyDomain

/// What was written down while the clock was ahead. Nobody would touch it until the clock gets there again.
extension SystemTransaction {
  /// Whether a lane was given its time after now, or is due later than `longest` allows. A walk through all lanes, for a read.
  package func hasLanesAhead(of now: Timestamp, longest: Duration) throws -> Bool {
    try connection.one(
      """
      SELECT 1 FROM lane WHERE set_at > \(now.adding(Timestamp.clockTolerance)) OR due_at > \(now.adding(longest)) LIMIT 1
      """
    ) { _ in true } ?? false
  }

  /// Makes such lanes due. One that is leased gets as long as a new lease: a worker that has it in hand goes on, and a dead one loses it soon.
  package func bringBackLanes(aheadOf now: Timestamp, longest: Duration, lease: Duration) throws {
    let (ahead, end) = (now.adding(Timestamp.clockTolerance), now.adding(longest))
    try connection.send("UPDATE lane SET due_at = \(now), set_at = \(now) WHERE lease = '' AND (set_at > \(ahead) OR due_at > \(end))")
    try connection.send(
      "UPDATE lane SET due_at = \(now.adding(lease)), set_at = \(now) WHERE lease <> '' AND (set_at > \(ahead) OR due_at > \(end))")
  }
}

import ParleyDomain

/// How many events wait for one URL of an account.
package struct Waiting: Sendable {
  package let account: Account.ID
  package let urlHash: String
  package let count: Int64
  package let oldest: Timestamp
}

extension SystemTransaction {
  /// What waits, by account and URL: a walk through all of it.
  package func waiting() throws -> [Waiting] {
    try connection.all(
      """
      SELECT account_id, url_hash, COUNT(*), MIN(created_at) FROM delivery WHERE state = 'PENDING' GROUP BY account_id, url_hash
      """
    ) { Waiting(account: try $0.sid(0), urlHash: $0.text(1), count: $0.integer(2), oldest: $0.timestamp(3)) }
  }
}

extension Transaction {
  /// Gives the oldest events up that wait for a URL beyond `backlog`, at most `limit` of them; answers how many. One that is being sent may
  /// still arrive.
  package func giveUpOldest(beyond backlog: Int64, atMost limit: Int64, urlHash: String, at now: Timestamp) throws -> Int {
    // Held, so that two at a time count each other.
    try connection.lockedRows("SELECT id FROM account WHERE id = \(account)") { _ in }
    let count = try connection.one(
      "SELECT COUNT(*) FROM delivery WHERE account_id = \(account) AND url_hash = \(urlHash) AND state = 'PENDING'"
    ) { $0.integer(0) }
    let excess = min(limit, (count ?? 0) - backlog)
    guard excess > 0 else { return 0 }
    // Held as well, the delivery before its job as everywhere: one of them may be arriving at this moment.
    var oldest: [(id: String, lane: String, attempts: Int64)] = []
    try connection.lockedRows(
      """
      SELECT id, lane_id, attempt_count FROM delivery WHERE account_id = \(account) AND url_hash = \(urlHash) AND state = 'PENDING'
      ORDER BY id LIMIT \(excess)
      """
    ) { oldest.append(($0.text(0), $0.text(1), $0.integer(2))) }
    for (id, lane, attempts) in oldest {
      try removeJob(of: id, in: lane)
      let attempt = Attempt(
        number: attempts + 1, startedAt: now, milliseconds: 0, status: nil, failure: .backlog, reply: "", nextAttemptAt: nil)
      try note(attempt, of: Delivery.ID(kept: id), state: .failed)
    }
    return oldest.count
  }
}

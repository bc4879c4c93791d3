import ParleyDomain

extension Transaction {
  /// Deliveries that wait, oldest first: those of a URL, of a conversation or of both that have an id beyond `id`.
  package func pendingDeliveries(
    urlHash: String?, conversation: Conversation.ID?, beyond id: Delivery.ID?, limit: Int
  ) throws -> [Delivery.ID] {
    var sql: SQL = "SELECT id FROM delivery WHERE account_id = \(account) AND state = 'PENDING' AND id > \(id?.text ?? "")"
    if let urlHash { sql = sql.followed(by: " AND url_hash = \(urlHash)") }
    if let conversation { sql = sql.followed(by: " AND conversation_id = \(conversation)") }
    return try connection.all(sql.followed(by: " ORDER BY id LIMIT \(Int64(limit))")) { $0.id(0) }
  }

  /// Gives up those of the deliveries that wait, and answers their ids. One that is being sent may still arrive.
  package func drop(_ ids: [Delivery.ID], at now: Timestamp) throws -> [Delivery.ID] {
    guard !ids.isEmpty else { return [] }
    // Lanes in the order of their ids, each held before its deliveries and jobs, as everywhere.
    let found = try connection.all(
      """
      SELECT id, lane_id FROM delivery WHERE account_id = \(account) AND id IN (\(list: ids.map { .text($0.text) })) AND state = 'PENDING'
      ORDER BY lane_id, id
      """
    ) { (id: $0.id(0) as Delivery.ID, lane: $0.text(1)) }
    return try found.compactMap { id, lane in
      try connection.lockedRows("SELECT lease FROM lane WHERE account_id = \(account) AND id = \(lane)") { _ in }
      guard try giveUp(id, at: now) else { return nil }
      let first = try connection.one(
        "SELECT key FROM job WHERE account_id = \(account) AND lane_id = \(lane) ORDER BY position LIMIT 1"
      ) { $0.text(0) }
      try removeJob(of: id.text, in: lane)
      // What stands behind it need not wait for its next attempt.
      if first == id.text {
        try connection.send(
          "UPDATE lane SET due_at = \(now), set_at = \(now) WHERE account_id = \(account) AND id = \(lane) AND lease = ''")
      }
      return id
    }
  }

  /// Takes the job of a delivery that is given up out of its lane. Such a job mostly stands near the lane's head, so this looks at few.
  func removeJob(of delivery: String, in lane: String) throws {
    try connection.send(
      """
      DELETE FROM job WHERE account_id = \(account) AND lane_id = \(lane) AND position = (SELECT position FROM job
        WHERE account_id = \(account) AND lane_id = \(lane) AND key = \(delivery) ORDER BY position LIMIT 1)
      """)
  }

  /// Gives a delivery up because processes ended while it was being sent (B-HOOK-42).
  package func setAside(_ id: Delivery.ID, at now: Timestamp) throws {
    let attempts = try connection.one("SELECT attempt_count FROM delivery WHERE account_id = \(account) AND id = \(id)") { $0.integer(0) }
    guard let attempts else { return }
    let attempt = Attempt(
      number: attempts + 1, startedAt: now, milliseconds: 0, status: nil, failure: .crashed, reply: "", nextAttemptAt: nil)
    try note(attempt, of: id, state: .failed)
  }

  /// Gives a delivery up without an attempt; false when it did not wait.
  package func giveUp(_ id: Delivery.ID, at now: Timestamp) throws -> Bool {
    try connection.run(
      """
      UPDATE delivery SET state = 'FAILED', finished_at = \(now), next_attempt_at = NULL
      WHERE account_id = \(account) AND id = \(id) AND state = 'PENDING'
      """) == 1
  }
}

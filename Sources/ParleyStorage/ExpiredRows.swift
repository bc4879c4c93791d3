import ParleyDomain

/// Rows of one account that have been kept for long enough, a bounded number of each kind.
package struct ExpiredRows: Sendable {
  package let deliveries: [Delivery.ID]
  let operations: [Operation.ID]
  let keys: [String]
  let listeners: [Listener.ID]

  package var isEmpty: Bool { deliveries.isEmpty && operations.isEmpty && keys.isEmpty && listeners.isEmpty }

  /// Whether a kind had as many as were asked for, so that there may be more.
  package func mayHaveMore(than limit: Int) -> Bool { [deliveries.count, operations.count, keys.count, listeners.count].contains(limit) }
}

extension Transaction {
  /// Finds deliveries that were finished before one instant, operations and idempotency keys from before another, and listeners that have
  /// ended or whose end was set while the clock was ahead, at most `limit` of each, oldest first.
  package func expiredRows(
    deliveriesBefore time: Timestamp, operationsBefore day: Timestamp, listenersBefore now: Timestamp, limit: Int
  ) throws -> ExpiredRows {
    let limit = Int64(limit)
    let deliveries: [Delivery.ID] = try connection.all(
      """
      SELECT id FROM delivery WHERE account_id = \(account) AND id < \(Delivery.ID(firstAt: time)) AND state <> 'PENDING'
        AND finished_at < \(time) ORDER BY id LIMIT \(limit)
      """
    ) { $0.id(0) }
    let operations: [Operation.ID] = try connection.all(
      "SELECT id FROM operation WHERE account_id = \(account) AND id < \(Operation.ID(firstAt: day)) ORDER BY id LIMIT \(limit)"
    ) { $0.id(0) }
    let keys = try connection.all(
      "SELECT key FROM idempotency_key WHERE account_id = \(account) AND created_at < \(day) ORDER BY created_at LIMIT \(limit)"
    ) { $0.text(0) }
    let listeners: [Listener.ID] = try connection.all(
      """
      SELECT id FROM listener WHERE account_id = \(account)
        AND (expires_at <= \(now) OR set_at > \(now.adding(Timestamp.clockTolerance))) LIMIT \(limit)
      """
    ) { $0.id(0) }
    return ExpiredRows(deliveries: deliveries, operations: operations, keys: keys, listeners: listeners)
  }

  /// Takes them away, but for those that live again by now: a delivery that waits, a key that was used anew, a listener that was renewed.
  package func purge(_ expired: ExpiredRows, keysBefore day: Timestamp, listenersBefore now: Timestamp) throws {
    for id in expired.deliveries {
      var state: Delivery.State?
      try connection.lockedRows("SELECT state FROM delivery WHERE account_id = \(account) AND id = \(id)") { state = try $0.choice(0) }
      if state == .pending { continue }
      try connection.send("DELETE FROM attempt WHERE account_id = \(account) AND delivery_id = \(id)")
      try connection.send("DELETE FROM delivery WHERE account_id = \(account) AND id = \(id)")
    }
    for id in expired.operations { try connection.send("DELETE FROM operation WHERE account_id = \(account) AND id = \(id)") }
    for key in expired.keys {
      try connection.send("DELETE FROM idempotency_key WHERE account_id = \(account) AND key = \(key) AND created_at < \(day)")
    }
    for id in expired.listeners {
      try connection.send(
        """
        DELETE FROM listener WHERE account_id = \(account) AND id = \(id)
          AND (expires_at <= \(now) OR set_at > \(now.adding(Timestamp.clockTolerance)))
        """)
    }
  }
}

import ParleyDomain

/// A delivery that is to be made.
package struct NewDelivery: Sendable {
  package let id: Delivery.ID
  package let conversationId: Conversation.ID
  package let event: Event
  package let callback: StatusCallback
  package let token: String
  package let requestId: String

  package init(id: Delivery.ID, of event: Event, in conversation: Conversation.ID, to callback: StatusCallback, requestId: String) {
    (self.id, conversationId, self.event, self.callback, self.requestId) = (id, conversation, event, callback, requestId)
    token = Delivery.newToken()
  }
}

/// What a delivery needs to be sent.
package struct DueDelivery: Sendable {
  package let id: Delivery.ID
  package let url: String
  package let method: StatusCallback.Method
  package let eventKind: Event.Kind
  package let createdAt: Timestamp
  package let token: String
  package let requestId: String
  package let attemptCount: Int64
  package let body: [UInt8]
  package let isPaused: Bool
  /// Whether it is for a listener whose maker can't sign in any more.
  package let hasEnded: Bool
  /// The account's auth token, sealed (B-AUTH-7).
  package let sealedToken: String
}

/// A delivery with all there is to tell.
package struct DeliveryRecord: Sendable {
  package let delivery: Delivery
  /// JSON text of the event.
  package let body: [UInt8]
  package let attempts: [Attempt]
}

extension Transaction {
  /// Adds a delivery of the account that waits in a lane.
  package func insert(_ delivery: NewDelivery, in lane: Lane) throws {
    let event = delivery.event
    try connection.send(
      """
      INSERT INTO delivery (account_id, id, conversation_id, event_type, url, url_hash, method, lane_id, host, token, request_id, state,
        attempt_count, created_at, body, key_id, token_number)
      VALUES (\(account), \(delivery.id), \(delivery.conversationId), \(event.kind.rawValue), \(delivery.callback.url), \(lane.urlHash),
        \(delivery.callback.method.rawValue), \(lane.id), \(lane.host), \(delivery.token), \(delivery.requestId),
        \(Delivery.State.pending.rawValue), \(Int64(0)), \(event.timestamp), \(event.body),
        \(delivery.callback.credential?.key), \(delivery.callback.credential?.tokenNumber))
      """)
  }

  /// What is needed to send deliveries, with their account's token; without those that are gone or wait no longer.
  package func dueDeliveries(_ ids: [Delivery.ID]) throws -> [DueDelivery] {
    try connection.all(
      """
      SELECT d.url, d.method, d.event_type, d.created_at, d.token, d.request_id, d.attempt_count, d.body, a.sealed_token,
        \(sql: Pause.countOfDelivery), d.id,
        CASE WHEN d.key_id IS NULL AND d.token_number IS NULL THEN 0
          WHEN a.disabled_at IS NOT NULL OR d.token_number <> a.token_number THEN 1
          WHEN EXISTS (SELECT 1 FROM api_key AS k WHERE k.id = d.key_id AND k.revoked_at IS NOT NULL) THEN 1 ELSE 0 END
      FROM delivery AS d JOIN account AS a ON a.id = d.account_id
      WHERE d.account_id = \(account) AND d.id IN (\(list: ids.map { .text($0.text) })) AND d.state = 'PENDING'
      """
    ) { row in
      DueDelivery(
        id: row.id(10), url: row.text(0), method: try row.choice(1), eventKind: try row.choice(2), createdAt: row.timestamp(3),
        token: row.text(4), requestId: row.text(5), attemptCount: row.integer(6), body: row.bytes(7), isPaused: row.integer(9) > 0,
        hasEnded: row.integer(11) > 0, sealedToken: row.text(8))
    }
  }

  /// Notes an attempt, and the state that the delivery is in after it. Where it was given up during the attempt, only a success changes the
  /// state.
  package func note(_ attempt: Attempt, of id: Delivery.ID, state: Delivery.State) throws {
    let finishedAt = state == .pending ? nil : attempt.startedAt.adding(.milliseconds(attempt.milliseconds))
    try connection.send(
      """
      UPDATE delivery SET state = \(state.rawValue), attempt_count = \(attempt.number), finished_at = \(finishedAt),
        next_attempt_at = \(attempt.nextAttemptAt)
      WHERE account_id = \(account) AND id = \(id) AND (state = 'PENDING' OR \(state.rawValue) = 'DELIVERED')
      """)
    // The next attempt, after a resend, has a number of its own.
    if state != .delivered {
      try connection.send(
        """
        UPDATE delivery SET attempt_count = \(attempt.number) WHERE account_id = \(account) AND id = \(id) AND attempt_count < \(attempt.number)
        """)
    }
    try connection.send(
      """
      INSERT INTO attempt (account_id, delivery_id, number, started_at, milliseconds, status, failure, reason, reply, next_attempt_at)
      VALUES (\(account), \(id), \(attempt.number), \(attempt.startedAt), \(attempt.milliseconds), \(attempt.status),
        \(attempt.failure?.rawValue), \(attempt.reason), \(attempt.reply), \(attempt.nextAttemptAt))
      ON CONFLICT (account_id, delivery_id, number) DO UPDATE SET started_at = excluded.started_at, milliseconds = excluded.milliseconds,
        status = excluded.status, failure = NULL, reason = NULL, reply = excluded.reply, next_attempt_at = NULL
        WHERE \(state.rawValue) = 'DELIVERED'
      """)
  }

  /// A delivery with its attempts; nil when there is none.
  package func delivery(_ id: Delivery.ID) throws -> DeliveryRecord? {
    var found: (Delivery, [UInt8])?
    try connection.rows(
      """
      SELECT d.id, d.conversation_id, d.event_type, d.url, d.method, d.state, d.token, d.request_id, d.attempt_count, d.created_at,
        d.finished_at, d.next_attempt_at, \(sql: Pause.countOfDelivery),
        d.body
      FROM delivery AS d WHERE d.account_id = \(account) AND d.id = \(id)
      """
    ) { found = (try Self.delivery($0), $0.bytes(13)) }
    guard let (delivery, body) = found else { return nil }
    let attempts = try connection.all(
      """
      SELECT number, started_at, milliseconds, status, failure, reason, reply, next_attempt_at FROM attempt
      WHERE account_id = \(account) AND delivery_id = \(id) ORDER BY number
      """
    ) { row in
      Attempt(
        number: row.integer(0), startedAt: row.timestamp(1), milliseconds: row.integer(2), status: row.isNull(3) ? nil : row.integer(3),
        failure: row.optionalText(4).flatMap(Attempt.Failure.init), reason: row.optionalText(5), reply: row.text(6),
        nextAttemptAt: row.optionalTimestamp(7))
    }
    return DeliveryRecord(delivery: delivery, body: body, attempts: attempts)
  }

  /// A page of deliveries, newest first.
  package func deliveries(_ filter: DeliveryFilter, urlHash: String?, _ request: PageRequest) throws -> Page {
    let (least, greatest) = Self.ids(after: filter.createdAfter, before: filter.createdBefore)
    return try page(request) { direction, key, limit in
      let (beyond, order): (StaticString, StaticString) = direction == .next ? ("<", "DESC") : (">", "ASC")
      var sql: SQL = """
        SELECT d.id, d.conversation_id, d.event_type, d.url, d.method, d.state, d.token, d.request_id, d.attempt_count, d.created_at,
          d.finished_at, d.next_attempt_at, \(sql: Pause.countOfDelivery)
        FROM delivery AS d WHERE d.account_id = \(account) AND d.id \(sql: beyond) \(key ?? greatest) AND d.id >= \(least) AND d.id < \(greatest)
        """
      sql = sql.followed(by: Self.created(after: filter.createdAfter, before: filter.createdBefore))
      if let conversation = filter.conversationId { sql = sql.followed(by: " AND d.conversation_id = \(conversation)") }
      if let urlHash { sql = sql.followed(by: " AND d.url_hash = \(urlHash)") }
      if !filter.eventKinds.isEmpty {
        sql = sql.followed(by: " AND d.event_type IN (\(list: filter.eventKinds.map { .text($0.rawValue) }))")
      }
      // As text of the statement: the indexes are of these states alone.
      switch filter.states.count == 1 ? filter.states[0] : nil {
      case .pending: sql = sql.followed(by: " AND d.state = 'PENDING'")
      case .failed: sql = sql.followed(by: " AND d.state = 'FAILED'")
      case .delivered: sql = sql.followed(by: " AND d.state = 'DELIVERED'")
      case nil: if !filter.states.isEmpty { sql = sql.followed(by: " AND d.state IN (\(list: filter.states.map { .text($0.rawValue) }))") }
      }
      return sql.followed(by: " ORDER BY d.id \(sql: order) LIMIT \(limit)")
    } append: { row, items in
      var writer = JSONWriter(capacity: 512)
      try writer.object { try Self.delivery(row).writeMembers(to: &$0) }
      items.append(contentsOf: writer.bytes)
    }
  }

  /// Deliveries that were given up, of one URL and from a span of time, oldest first: those with an id beyond `id`.
  package func failedDeliveries(
    urlHash: String, after: Timestamp?, before: Timestamp?, beyond id: Delivery.ID?, limit: Int
  ) throws -> [Delivery.ID] {
    let (least, greatest) = Self.ids(after: after, before: before)
    let start: SQL = """
      SELECT id FROM delivery AS d WHERE account_id = \(account) AND url_hash = \(urlHash) AND state = 'FAILED' AND id >= \(least)
        AND id < \(greatest) AND id > \(id?.text ?? "")
      """
    let span = Self.created(after: after, before: before)
    return try connection.all(start.followed(by: span).followed(by: " ORDER BY id LIMIT \(Int64(limit))")) { $0.id(0) }
  }

  /// The ids among which those of a span of time are. An id is made a little later than its event, when the write has its turn.
  private static func ids(after: Timestamp?, before: Timestamp?) -> (least: String, greatest: String) {
    let greatest = before.map { Delivery.ID(firstAt: $0.adding(.seconds(60))).text }
    return (after.map { Delivery.ID(firstAt: $0).text } ?? "", greatest ?? "\(Delivery.idPrefix)_~")
  }

  /// The span itself, as a condition.
  private static func created(after: Timestamp?, before: Timestamp?) -> SQL {
    var sql: SQL = ""
    if let after { sql = sql.followed(by: " AND d.created_at >= \(after)") }
    if let before { sql = sql.followed(by: " AND d.created_at < \(before)") }
    return sql
  }

  /// Makes a delivery that was given up wait again, and says in which lane; nil when it was not given up.
  package func reopen(_ id: Delivery.ID) throws -> Lane? {
    let reopened = try connection.run(
      """
      UPDATE delivery SET state = 'PENDING', finished_at = NULL, next_attempt_at = NULL
      WHERE account_id = \(account) AND id = \(id) AND state = 'FAILED'
      """)
    return reopened == 1 ? try lane(of: id) : nil
  }

  private func lane(of id: Delivery.ID) throws -> Lane? {
    try connection.one("SELECT lane_id, host, url_hash FROM delivery WHERE account_id = \(account) AND id = \(id)") { row in
      Lane(account: account, id: row.text(0), host: row.text(1), urlHash: row.text(2))
    }
  }

  private static func delivery(_ row: any Row) throws -> Delivery {
    Delivery(
      id: row.id(0), conversationId: row.id(1), eventKind: try row.choice(2), url: row.text(3), method: try row.choice(4),
      state: try row.choice(5), isPaused: row.integer(12) > 0, token: row.text(6), requestId: row.text(7), attemptCount: row.integer(8),
      createdAt: row.timestamp(9), finishedAt: row.optionalTimestamp(10), nextAttemptAt: row.optionalTimestamp(11))
  }
}

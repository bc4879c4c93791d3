import ParleyDomain

extension Transaction {
  package func insert(_ operation: Operation) throws {
    try connection.send(
      """
      INSERT INTO operation (account_id, id, created_at, document)
      VALUES (\(account), \(operation.id), \(operation.createdAt), \(Stored(operation).document))
      """)
  }

  package func operation(_ id: Operation.ID) throws -> Stored<Operation>? {
    try connection.one("SELECT document FROM operation WHERE account_id = \(account) AND id = \(id)") { $0.document(0) }
  }

  /// Remembers a request's answer under its key. If the key was used since `oldest`, nothing changes and what it was used for is returned;
  /// an older use is overwritten (B-IDEM-2).
  package func remember(
    _ accepted: AcceptedOperation, under key: IdempotencyKey, at now: Timestamp, since oldest: Timestamp
  ) throws -> RememberedOperation? {
    let remembered = try connection.run(
      """
      INSERT INTO idempotency_key (account_id, key, fingerprint, created_at, operation_id, configuration_id, status_url)
      VALUES (\(account), \(key.text), \(key.fingerprint), \(now), \(accepted.operationId), \(accepted.configurationId),
        \(accepted.statusURL))
      ON CONFLICT (account_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, created_at = excluded.created_at,
        operation_id = excluded.operation_id, configuration_id = excluded.configuration_id, status_url = excluded.status_url
      WHERE idempotency_key.created_at < \(oldest)
      """)
    if remembered == 1 { return nil }
    guard let earlier = try self.remembered(key) else { throw ChangedHands(what: "an idempotency key") }
    return earlier
  }

  private func remembered(_ key: IdempotencyKey) throws -> RememberedOperation? {
    try connection.one(
      """
      SELECT fingerprint, operation_id, configuration_id, status_url FROM idempotency_key
      WHERE account_id = \(account) AND key = \(key.text)
      """
    ) { row in
      RememberedOperation(
        fingerprint: row.text(0),
        accepted: AcceptedOperation(operationId: row.id(1), configurationId: row.id(2), statusURL: row.text(3)))
    }
  }
}

/// The answer that an idempotency key got, and for which request.
package struct RememberedOperation: Sendable {
  package let fingerprint: String
  package let accepted: AcceptedOperation
}

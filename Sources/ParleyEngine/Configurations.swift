import ParleyDomain
import ParleyStorage

/// What can be done with configurations. A change is an operation whose work is done in the request's own transaction (B-OP-3).
package struct Configurations: Sendable {
  let engine: Engine

  /// Makes a configuration. `statusURL` gives the address of an operation. A request that comes again under its key gets the first answer
  /// (B-IDEM-2).
  package func create(
    _ body: Body, under key: IdempotencyKey?, statusURL: @Sendable (Operation.ID) -> String, for account: Account.ID
  ) async throws -> AcceptedOperation {
    let draft = try body.draft { [callbacks = engine.callbacks] in ConfigurationDraft($0, callbacks: callbacks) }.get()
    let now = engine.now()
    let configuration = Configuration(
      id: engine.newID(Configuration.self, at: now), version: 1, createdAt: now, updatedAt: now, settings: draft.settings)
    let operation = Operation(completed: engine.newID(Operation.self, at: now), for: configuration.id, at: now)
    let accepted = AcceptedOperation(operationId: operation.id, configurationId: configuration.id, statusURL: statusURL(operation.id))
    return try await engine.database.write(for: account) { tx in
      if let key, let earlier = try tx.remember(accepted, under: key, at: now, since: now.hoursBefore(IdempotencyKey.hoursKept)) {
        guard earlier.fingerprint == key.fingerprint else { throw ParleyError.conflict(.idempotencyKeyReused) }
        return earlier.accepted
      }
      if let holder = try tx.insert(configuration, of: draft) { throw ParleyError.conflict(.bridge(of: holder)) }
      try tx.insert(operation)
      return accepted
    }
  }

  package func fetch(_ id: Configuration.ID, for account: Account.ID) async throws -> Configuration {
    try await engine.database.read(for: account, .statement) { tx in
      guard let configuration = try tx.configuration(id) else { throw ParleyError.notFound(.configuration) }
      return configuration
    }
  }

  /// A page of configurations, newest first, of one memory store if it is given.
  package func list(memoryStoreId: String?, _ request: PageRequest, for account: Account.ID) async throws -> Page {
    try await engine.database.read(for: account, .page(of: request)) { tx in
      try tx.configurations(memoryStoreId: memoryStoreId, request)
    }
  }
}

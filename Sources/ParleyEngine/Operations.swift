import ParleyDomain
import ParleyStorage

/// What can be asked of operations.
package struct Operations: Sendable {
  let engine: Engine

  /// The operation, all but its `statusUrl`.
  package func fetch(_ id: Operation.ID, for account: Account.ID) async throws -> Stored<Operation> {
    try await engine.database.read(for: account, .statement) { tx in
      guard let operation = try tx.operation(id) else { throw ParleyError.notFound(.operation) }
      return operation
    }
  }
}

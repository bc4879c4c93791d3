/// The progress of a change that the API answers with 202 (B-OP-1).
package struct Operation: Identified, Sendable {
  package typealias ID = TypeID<Operation>
  package static let idPrefix = "proc_job"

  package let id: ID
  /// The configuration that it creates or changes.
  package let configurationId: Configuration.ID
  package let createdAt: Timestamp
  package let completedAt: Timestamp

  /// An operation whose work was done in the transaction that made it (B-OP-3).
  package init(completed id: ID, for configurationId: Configuration.ID, at now: Timestamp) {
    self.id = id
    self.configurationId = configurationId
    createdAt = now
    completedAt = now
  }
}

extension Operation: DocumentValue {
  package init?(document: JSON.Object) {
    guard let id = document["operationId"]?.string.flatMap(ID.init),
      let configurationId = document["related"]?.object?["configurationId"]?.string.flatMap(Configuration.ID.init),
      let createdAt = document["createdAt"]?.string.flatMap(Timestamp.init(wholeSeconds:)),
      let completedAt = document["completedAt"]?.string.flatMap(Timestamp.init(wholeSeconds:))
    else { return nil }
    (self.id, self.configurationId, self.createdAt, self.completedAt) = (id, configurationId, createdAt, completedAt)
  }

  /// All but `statusUrl`, which has the host that the reader used (B-OP-2).
  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("operationId", id.text)
      writer.member("status", "COMPLETED")
      writer.member("createdAt", createdAt.wholeSeconds)
      writer.member("completedAt", completedAt.wholeSeconds)
      writer.name("related")
      writer.object { $0.member("configurationId", configurationId.text) }
      writer.name("error")
      writer.null()
    }
  }
}

/// The answer to a change that became an operation, as the first asker got it (B-IDEM-2).
package struct AcceptedOperation: Sendable {
  package let operationId: Operation.ID
  package let configurationId: Configuration.ID
  package let statusURL: String

  package init(operationId: Operation.ID, configurationId: Configuration.ID, statusURL: String) {
    self.operationId = operationId
    self.configurationId = configurationId
    self.statusURL = statusURL
  }
}

/// The header by which a caller marks a request that it may send again (B-IDEM-1), with what tells whether another is the same.
package struct IdempotencyKey: Sendable {
  package static let hoursKept: Int64 = 24

  package let text: String
  /// Digest of method, path and the body's bytes.
  package let fingerprint: String

  package init(text: String, fingerprint: String) {
    self.text = text
    self.fingerprint = fingerprint
  }
}

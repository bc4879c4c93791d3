/// Which deliveries a caller wants to be sent again: those to a URL that were given up, of a span of time if it is given.
package struct ResendDraft: Sendable {
  package let url: String
  /// From this instant on.
  package let createdAfter: Timestamp?
  /// Up to this instant, without it.
  package let createdBefore: Timestamp?

  package init?(_ fields: Fields) {
    let url = fields.callbackURL("url")
    createdAfter = fields.instant("createdAfter")
    createdBefore = fields.instant("createdBefore")
    guard let url else { return nil }
    self.url = url
  }
}

extension Timestamp {
  /// Said of a text that is no instant.
  package static let objection = "must be an RFC 3339 time such as 2026-01-02T03:04:05Z"
}

extension Fields {
  fileprivate func instant(_ name: String) -> Timestamp? {
    string(name) { Timestamp(rfc3339: $0) == nil ? Timestamp.objection : nil }.flatMap { Timestamp(rfc3339: $0) }
  }
}

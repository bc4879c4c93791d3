/// A callback for all conversations of an account that ends by itself (B-HOOK-6).
package struct Listener: Identified, Sendable {
  package typealias ID = TypeID<Listener>
  package static let idPrefix = "parley_listener"
  /// Live ones of an account.
  package static let liveMax = 20
  package static let secondsDefault: Int64 = 60
  package static let seconds: ClosedRange<Int64> = 10...3600

  package let id: ID
  package let url: String
  package let createdAt: Timestamp
  package let expiresAt: Timestamp
  /// What its maker signed in with. The listener ends when that no longer signs in. Nil where an older version made it.
  package let credential: Credential?

  package init(id: ID, url: String, createdAt: Timestamp, expiresAt: Timestamp, credential: Credential? = nil) {
    (self.id, self.url, self.createdAt, self.expiresAt, self.credential) = (id, url, createdAt, expiresAt, credential)
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", id.text)
      writer.member("url", url)
      writer.member("createdAt", createdAt.precise)
      writer.member("expiresAt", expiresAt.precise)
    }
  }
}

/// A callback URL of an account to which nothing is sent until it is resumed; its events wait.
package struct Pause: Identified, Sendable {
  package typealias ID = TypeID<Pause>
  package static let idPrefix = "parley_pause"
  /// Pauses of an account.
  package static let pausesMax = 1000
  /// Stands for all callback URLs of the account, also those that are configured later. No callback can have this URL.
  package static let allURLs = "*"

  package let id: ID
  package let url: String
  package let createdAt: Timestamp
  package var isForAllURLs: Bool { url == Self.allURLs }

  package init(id: ID, url: String, createdAt: Timestamp) {
    (self.id, self.url, self.createdAt) = (id, url, createdAt)
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("id", id.text)
      writer.member("url", url)
      writer.member("createdAt", createdAt.precise)
    }
  }
}

/// Whose data it is. Accounts see nothing of each other (B-AUTH-4).
package struct Account: Identified, Sendable {
  package typealias ID = SID<Account>
  package static let idPrefix = "AC"
  package static let nameCharactersMax = 64

  package let id: ID
  package let name: String
  package let createdAt: Timestamp
  /// Set once nobody may sign in any more.
  package let disabledAt: Timestamp?

  package init(id: ID, name: String, createdAt: Timestamp, disabledAt: Timestamp? = nil) {
    self.id = id
    self.name = name
    self.createdAt = createdAt
    self.disabledAt = disabledAt
  }
}

/// What a caller signed in with.
package enum Credential: Sendable, Equatable {
  case key(APIKey.ID)
  /// The account's auth token; its number grows by one each time that the token is replaced.
  case token(number: Int64)

  package var key: APIKey.ID? { if case .key(let id) = self { id } else { nil } }
  package var tokenNumber: Int64? { if case .token(let number) = self { number } else { nil } }

  /// Nil where neither is given.
  package init?(key: APIKey.ID?, tokenNumber: Int64?) {
    if let key {
      self = .key(key)
    } else if let tokenNumber {
      self = .token(number: tokenNumber)
    } else {
      return nil
    }
  }
}

/// A second way to sign in to one account, that can be taken back alone.
package struct APIKey: Identified, Sendable {
  package typealias ID = SID<APIKey>
  package static let idPrefix = "SK"

  package let id: ID
  package let accountId: Account.ID
  package let name: String
  package let createdAt: Timestamp
  package let revokedAt: Timestamp?

  package init(id: ID, accountId: Account.ID, name: String, createdAt: Timestamp, revokedAt: Timestamp? = nil) {
    self.id = id
    self.accountId = accountId
    self.name = name
    self.createdAt = createdAt
    self.revokedAt = revokedAt
  }
}

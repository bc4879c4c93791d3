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

import ParleyDomain

/// An account with its auth token as it is kept: sealed, because it will sign webhooks, where an API key's secret is only hashed.
package struct AccountCredentials: Sendable {
  package let account: Account
  package let sealedToken: String
  /// Counts the tokens that the account had, this one included.
  package let tokenNumber: Int64

  package init(account: Account, sealedToken: String, tokenNumber: Int64 = 1) {
    (self.account, self.sealedToken, self.tokenNumber) = (account, sealedToken, tokenNumber)
  }
}

/// An API key with its secret as it is kept, and whether its account may still be used.
package struct APIKeyCredentials: Sendable {
  package let key: APIKey
  package let secretHash: String
  package let isAccountDisabled: Bool
}

extension SystemTransaction {
  /// Adds an account; false if there is one with its id.
  package func insert(_ credentials: AccountCredentials) throws -> Bool {
    let account = credentials.account
    return try connection.run(
      """
      INSERT INTO account (id, name, sealed_token, created_at, disabled_at)
      VALUES (\(account.id), \(account.name), \(credentials.sealedToken), \(account.createdAt), \(account.disabledAt))
      ON CONFLICT DO NOTHING
      """) == 1
  }

  package func account(_ id: Account.ID) throws -> AccountCredentials? {
    try connection.one("SELECT id, name, created_at, disabled_at, sealed_token, token_number FROM account WHERE id = \(id)") { row in
      AccountCredentials(account: try Self.account(row), sealedToken: row.text(4), tokenNumber: row.integer(5))
    }
  }

  /// All accounts, oldest first.
  package func accounts() throws -> [Account] {
    try connection.all("SELECT id, name, created_at, disabled_at FROM account ORDER BY created_at, id", Self.account)
  }

  /// False if there is no such account.
  package func setToken(_ sealedToken: String, of id: Account.ID) throws -> Bool {
    try connection.run("UPDATE account SET sealed_token = \(sealedToken), token_number = token_number + 1 WHERE id = \(id)") == 1
  }

  /// Ends all signing in to an account; false if there is no such one. The first time counts.
  package func disable(_ id: Account.ID, at now: Timestamp) throws -> Bool {
    try connection.run("UPDATE account SET disabled_at = COALESCE(disabled_at, \(now)) WHERE id = \(id)") == 1
  }

  /// Adds a key of an account that exists.
  package func insert(_ key: APIKey, secretHash: String) throws {
    try connection.send(
      """
      INSERT INTO api_key (id, account_id, name, secret_hash, created_at, revoked_at)
      VALUES (\(key.id), \(key.accountId), \(key.name), \(secretHash), \(key.createdAt), \(key.revokedAt))
      """)
  }

  package func apiKey(_ id: APIKey.ID) throws -> APIKeyCredentials? {
    try connection.one(
      """
      SELECT k.id, k.account_id, k.name, k.created_at, k.revoked_at, k.secret_hash, a.disabled_at
      FROM api_key AS k JOIN account AS a ON a.id = k.account_id WHERE k.id = \(id)
      """
    ) { row in APIKeyCredentials(key: try Self.key(row), secretHash: row.text(5), isAccountDisabled: !row.isNull(6)) }
  }

  /// Keys of one account or of all, oldest first.
  package func apiKeys(of account: Account.ID?) throws -> [APIKey] {
    let sql: SQL =
      if let account {
        """
        SELECT id, account_id, name, created_at, revoked_at FROM api_key WHERE account_id = \(account) ORDER BY created_at, id
        """
      } else {
        "SELECT id, account_id, name, created_at, revoked_at FROM api_key ORDER BY created_at, id"
      }
    return try connection.all(sql, Self.key)
  }

  /// False if there is no such key. The first time counts.
  package func revoke(_ id: APIKey.ID, at now: Timestamp) throws -> Bool {
    try connection.run("UPDATE api_key SET revoked_at = COALESCE(revoked_at, \(now)) WHERE id = \(id)") == 1
  }

  private static func account(_ row: any Row) throws -> Account {
    Account(id: try row.sid(0), name: row.text(1), createdAt: row.timestamp(2), disabledAt: row.optionalTimestamp(3))
  }

  private static func key(_ row: any Row) throws -> APIKey {
    APIKey(
      id: try row.sid(0), accountId: try row.sid(1), name: row.text(2), createdAt: row.timestamp(3), revokedAt: row.optionalTimestamp(4))
  }
}

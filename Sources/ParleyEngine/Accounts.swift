import Crypto
import Foundation
import ParleyDomain
import ParleyStorage

/// Accounts and their API keys: making them, ending them, and signing in.
package struct Accounts: Sendable {
  package static let tokenCharacters = 16...128

  let engine: Engine

  /// Makes an account; what is not given is made up. The token is 32 hexadecimal digits then.
  package func create(name: String, sid: Account.ID? = nil, token: String? = nil) async throws -> (account: Account, token: String) {
    let account = Account(id: sid ?? Account.ID(random: Self.randomBytes(16)), name: name, createdAt: engine.now())
    let token = token ?? Self.randomBytes(16).hex
    let credentials = AccountCredentials(account: account, sealedToken: try engine.key.seal(token, of: account.id))
    let isNew = try await engine.database.writeSystem { try $0.insert(credentials) }
    guard isNew else { throw AccountFailure.exists(account.id) }
    return (account, token)
  }

  /// All accounts, oldest first.
  package func list() async throws -> [Account] {
    try await engine.database.readSystem { try $0.accounts() }
  }

  /// The account's token in clear: what its webhooks are signed with.
  package func token(of id: Account.ID) async throws -> String {
    guard let credentials = try await engine.database.readSystem({ try $0.account(id) }) else { throw AccountFailure.unknown(id.text) }
    return try engine.key.open(credentials.sealedToken, of: id)
  }

  /// Replaces the account's token; the old one ends within the time that sign-ins are remembered.
  package func rotateToken(of id: Account.ID) async throws -> String {
    let token = Self.randomBytes(16).hex
    let sealed = try engine.key.seal(token, of: id)
    guard try await engine.database.writeSystem({ try $0.setToken(sealed, of: id) }) else { throw AccountFailure.unknown(id.text) }
    return token
  }

  /// Ends all signing in to an account, its keys included; its data stays.
  package func disable(_ id: Account.ID) async throws {
    let now = engine.now()
    guard try await engine.database.writeSystem({ try $0.disable(id, at: now) }) else { throw AccountFailure.unknown(id.text) }
  }

  /// Makes an API key of an account; its secret is told only now.
  package func createKey(of account: Account.ID, name: String) async throws -> (key: APIKey, secret: String) {
    let key = APIKey(id: APIKey.ID(random: Self.randomBytes(16)), accountId: account, name: name, createdAt: engine.now())
    let secret = Self.randomBytes(16).hex
    let hash = Self.hash(secret)
    try await engine.database.writeSystem { tx in
      guard try tx.account(account) != nil else { throw AccountFailure.unknown(account.text) }
      try tx.insert(key, secretHash: hash)
    }
    return (key, secret)
  }

  /// Keys of one account or of all, oldest first.
  package func keys(of account: Account.ID?) async throws -> [APIKey] {
    try await engine.database.readSystem { try $0.apiKeys(of: account) }
  }

  package func revokeKey(_ id: APIKey.ID) async throws {
    let now = engine.now()
    guard try await engine.database.writeSystem({ try $0.revoke(id, at: now) }) else { throw AccountFailure.unknown(id.text) }
  }

  /// The account that a user name and password sign in to, and which credential they are; nil if they are not right (B-AUTH-1, B-AUTH-5).
  /// Throws if that can't be said.
  package func identify(user: String, password: String) async throws -> (account: Account.ID, credential: Credential)? {
    if let sid = Account.ID(user) { return try await signIn(account: sid, token: password) }
    if let sid = APIKey.ID(user) { return try await signIn(key: sid, secret: password) }
    return nil
  }

  private func signIn(account sid: Account.ID, token: String) async throws -> (account: Account.ID, credential: Credential)? {
    guard let credentials = try await engine.database.readSystem({ try $0.account(sid) }), credentials.account.disabledAt == nil else {
      // As much work as for an account that is there, so that the time tells nothing.
      _ = try engine.key.seal(token, of: sid)
      return nil
    }
    guard Self.isSame(try engine.key.open(credentials.sealedToken, of: sid), token) else { return nil }
    return (sid, .token(number: credentials.tokenNumber))
  }

  private func signIn(key sid: APIKey.ID, secret: String) async throws -> (account: Account.ID, credential: Credential)? {
    guard let credentials = try await engine.database.readSystem({ try $0.apiKey(sid) }) else { return nil }
    guard credentials.key.revokedAt == nil, !credentials.isAccountDisabled else { return nil }
    return Self.isSame(credentials.secretHash, Self.hash(secret)) ? (credentials.key.accountId, .key(sid)) : nil
  }

  /// Digests are compared in constant time.
  private static func isSame(_ left: String, _ right: String) -> Bool {
    SHA256.hash(data: Data(left.utf8)) == SHA256.hash(data: Data(right.utf8))
  }

  /// A secret of 128 random bits needs no slow hash.
  private static func hash(_ secret: String) -> String { SHA256.hash(data: Data(secret.utf8)).hex }

  private static func randomBytes(_ count: Int) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
  }
}

/// What the commands for accounts and keys can fail of.
package enum AccountFailure: Error, CustomStringConvertible {
  case unknown(String)
  case exists(Account.ID)

  package var description: String {
    switch self {
    case .unknown(let sid): "there is no \(sid)"
    case .exists(let sid): "there is an account \(sid.text) already"
    }
  }
}

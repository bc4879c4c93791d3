import Crypto
import Foundation
import ParleyDomain

/// The installation's key: 32 random bytes, from which a key of its own is derived for each purpose.
package struct SecretKey: Sendable {
  package static let byteCount = 32

  /// What a derived key is for. The names are part of every sealed text and never change.
  package enum Purpose: String, Sendable {
    case authTokens = "parley auth tokens"
    case pageTokens = "parley page tokens"
    case check = "parley key check"
  }

  private let key: SymmetricKey
  /// Derived once: it opens a token for every webhook.
  private let tokenKey: SymmetricKey

  /// Nil unless there are exactly 32 bytes.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    key = SymmetricKey(data: bytes)
    tokenKey = Self.derived(from: key, for: .authTokens)
  }

  /// Reads the base64 text of a key file or setting, outer white space aside.
  package init?(base64 text: String) {
    guard let data = Data(base64Encoded: text.trimmingCharacters(in: .whitespacesAndNewlines)) else { return nil }
    self.init(Array(data))
  }

  package func derived(for purpose: Purpose) -> SymmetricKey { Self.derived(from: key, for: purpose) }

  private static func derived(from key: SymmetricKey, for purpose: Purpose) -> SymmetricKey {
    HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Data(purpose.rawValue.utf8), outputByteCount: 32)
  }

  /// A text that tells one key from another and says nothing of either; it is kept in the database.
  package var check: String {
    Data(HMAC<SHA256>.authenticationCode(for: Data(Purpose.check.rawValue.utf8), using: derived(for: .check))).base64EncodedString()
  }

  /// Seals an auth token for one account; elsewhere the text is worth nothing.
  func seal(_ token: String, of account: Account.ID) throws -> String {
    let box = try AES.GCM.seal(Data(token.utf8), using: tokenKey, authenticating: Data(account.text.utf8))
    return (box.combined ?? Data()).base64EncodedString()
  }

  func open(_ sealed: String, of account: Account.ID) throws -> String {
    guard let data = Data(base64Encoded: sealed) else { throw DamagedDocument(reason: "a sealed token is no base64") }
    let token = try AES.GCM.open(
      AES.GCM.SealedBox(combined: data), using: tokenKey, authenticating: Data(account.text.utf8))
    return String(decoding: token, as: UTF8.self)
  }
}

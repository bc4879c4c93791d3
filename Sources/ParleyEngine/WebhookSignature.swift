import Crypto
import Foundation
import ParleyDomain

/// A signed request: the URL that is called and the value of its `X-Twilio-Signature`.
package struct WebhookSignature: Sendable {
  /// Name of the query parameter that ties the body to the signed URL.
  static let hashParameter = CallbackPolicy.hashParameter

  package let url: String
  package let signature: String

  /// B-HOOK-14: the body's hash goes into the URL, and the URL is signed.
  package init(post body: [UInt8], to target: CallbackTarget, token: String) {
    self.init(url: target.url(adding: "\(Self.hashParameter)=\(Self.sha256(body))"), token: token)
  }

  /// B-HOOK-13, B-HOOK-15: the parameters go into the query in this order, and the whole URL is signed.
  package init(get parameters: [(name: String, value: String)], to target: CallbackTarget, token: String) {
    let query = parameters.map { "\(CallbackTarget.percentEncoded($0.name))=\(CallbackTarget.percentEncoded($0.value))" }
    self.init(url: query.isEmpty ? target.url : target.url(adding: query.joined(separator: "&")), token: token)
  }

  private init(url: String, token: String) {
    self.url = url
    signature = Self.signature(of: url, token: token)
  }

  /// Whether a POST with this body to this URL, `bodySHA256` included, was signed with the token. Takes the same time wherever they differ.
  package static func isValid(_ signature: String, url: String, body: [UInt8], token: String) -> Bool {
    let hashes = (url.split(separator: "?", maxSplits: 1).dropFirst().first ?? "").split(separator: "&").filter {
      $0.hasPrefix("\(hashParameter)=")
    }
    guard hashes.count == 1, hashes[0] == "\(hashParameter)=\(sha256(body))" else { return false }
    guard let code = Data(base64Encoded: signature) else { return false }
    return isValid(code, of: Data(url.utf8), token: token)
  }

  /// Base64 of the HMAC-SHA1 of a text by the token.
  package static func signature(of text: String, token: String) -> String {
    Data(HMAC<Insecure.SHA1>.authenticationCode(for: Data(text.utf8), using: SymmetricKey(data: Data(token.utf8)))).base64EncodedString()
  }

  /// What is signed for a form (B-HOOK-15): the URL, then each name and value, sorted, with nothing between.
  package static func text(ofForm parameters: [(name: String, value: String)], to url: String) -> String {
    let pairs = parameters.map { (Array($0.name.utf8), Array($0.value.utf8)) }.sorted {
      $0.0 == $1.0 ? $0.1.lexicographicallyPrecedes($1.1) : $0.0.lexicographicallyPrecedes($1.0)
    }
    var bytes = Array(url.utf8)
    for (index, pair) in pairs.enumerated() where index == 0 || pair != pairs[index - 1] { bytes += pair.0 + pair.1 }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Lower-case hex of the SHA-256.
  package static func sha256(_ bytes: some DataProtocol) -> String {
    SHA256.hash(data: bytes).hex
  }

  static func isValid(_ code: Data, of text: Data, token: String) -> Bool {
    HMAC<Insecure.SHA1>.isValidAuthenticationCode(code, authenticating: text, using: SymmetricKey(data: Data(token.utf8)))
  }
}

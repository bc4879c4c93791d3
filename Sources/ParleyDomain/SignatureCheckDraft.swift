/// A webhook as its receiver saw it, whose signature a caller wants to be checked.
package struct SignatureCheckDraft: Sendable {
  package static let headersMax = 200

  package let url: String
  package let method: StatusCallback.Method
  package let headers: [(name: String, value: String)]
  package let body: String

  package init?(_ fields: Fields) {
    fields.require("url")
    let url = fields.string("url") { _ in nil }
    method = fields.choice("method", of: StatusCallback.Method.self) ?? .post
    fields.require("headers")
    let headers = fields.object("headers")
    if let headers, headers.names.count > Self.headersMax { fields.problem("headers", "must have at most \(Self.headersMax) members") }
    self.headers = (headers?.names.prefix(Self.headersMax) ?? []).compactMap { name in
      headers?.string(name) { _ in nil }.map { (name, $0) }
    }
    body = fields.string("body") { _ in nil } ?? ""
    guard let url, headers != nil else { return nil }
    self.url = url
  }
}

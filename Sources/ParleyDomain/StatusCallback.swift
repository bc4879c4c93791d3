/// Where a conversation's events are told.
package struct StatusCallback: Sendable, Equatable {
  package enum Method: String, CaseIterable, Sendable {
    case post = "POST"
    case get = "GET"
  }

  package let url: String
  package let method: Method
  /// What the listener was made with; nil for a callback of a configuration or conversation, and for a listener of an older version.
  package let credential: Credential?

  package init(url: String, method: Method, credential: Credential? = nil) {
    (self.url, self.method, self.credential) = (url, method, credential)
  }

  /// The list under `statusCallbacks`; nil when it is absent or null (B-HOOK-10, B-HOOK-20).
  package static func list(_ fields: Fields, max: Int, policy: CallbackPolicy) -> [StatusCallback]? {
    fields.list("statusCallbacks", max: max) { fields in
      fields.require("url")
      let url = fields.string("url") { policy.objection(to: $0) }
      let method = fields.choice("method", of: Method.self) ?? .post
      return url.map { StatusCallback(url: $0, method: method) }
    }
  }

  package static func write(_ callbacks: [StatusCallback], to writer: inout JSONWriter) {
    writer.array { writer in
      for callback in callbacks {
        writer.object { writer in
          writer.member("url", callback.url)
          writer.member("method", callback.method.rawValue)
        }
      }
    }
  }
}

/// What a caller wants a listener to be.
package struct ListenerDraft: Sendable {
  package let url: String
  /// How long it lives.
  package let seconds: Int64

  package init?(_ fields: Fields, callbacks: CallbackPolicy) {
    fields.require("url")
    let url = fields.string("url") { callbacks.objection(to: $0) }
    let seconds = Self.seconds(fields)
    guard let url, let seconds else { return nil }
    (self.url, self.seconds) = (url, seconds)
  }

  /// How long a listener lives that is made or renewed.
  package static func seconds(_ fields: Fields) -> Int64? {
    guard fields.value("expiresInSeconds") != nil else { return Listener.secondsDefault }
    return fields.integer("expiresInSeconds", in: Listener.seconds)
  }
}

/// Which URL a caller wants to be paused. Any text that a callback's URL may once have been: settings can have changed since.
package struct PauseDraft: Sendable {
  package let url: String

  package init?(_ fields: Fields) {
    guard let url = fields.callbackURL("url") else { return nil }
    self.url = url
  }
}

extension Fields {
  /// A URL that names a callback, whether or not it could be one now. It must be there.
  func callbackURL(_ name: String) -> String? {
    require(name)
    return string(name, characters: CallbackPolicy.urlCharacters, plain: true)
  }
}

extension CallbackPolicy {
  /// Unicode scalars of a text that names a callback.
  package static let urlCharacters = 1...urlCharactersMax
}

/// How a callback URL goes on the wire: what is called, signed and put in the head of the request.
///
/// Signed is what is sent, so everything stays as it is written, but for what a request line cannot carry: that is percent-encoded.
package struct CallbackTarget: Sendable {
  /// The URL without user info and fragment; the scheme in lower case, an empty path as "/".
  package let url: String
  /// "http" or "https".
  package let scheme: String
  /// What is looked up, named in the TLS handshake and found in the certificate: a name percent-decoded, in lower case, without a dot at its
  /// end; an address in its canonical form, without brackets.
  package let host: String
  /// Host and port as they are written.
  package let hostHeader: String
  package let port: Int
  /// The bytes of the user info, decoded: "user:password" (B-HOOK-19). They need not be UTF-8.
  package let basicAuthorization: [UInt8]?

  /// Nil if the text is not a URL of that kind. Whether it may be called is not decided here: it may have been stored under other settings.
  package init?(_ url: String) {
    guard (try? CallbackURL(url, plainHTTP: true)) != nil else { return nil }
    let bytes = Array(url.utf8)
    let scheme = bytes.prefix { $0 != UInt8(ascii: ":") }
    let rest = bytes[(scheme.endIndex + 3)...].prefix { $0 != UInt8(ascii: "#") }
    let authority = rest.prefix { !"/?".utf8.contains($0) }
    let at = authority.firstIndex(of: UInt8(ascii: "@"))
    let hostAndPort = at.map { authority[($0 + 1)...] } ?? authority
    let hostEnd =
      hostAndPort.first == UInt8(ascii: "[")
      ? hostAndPort.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } : hostAndPort.firstIndex(of: UInt8(ascii: ":"))
    let host = Self.decoded(hostAndPort[..<(hostEnd ?? hostAndPort.endIndex)])
    let port = hostAndPort[(hostEnd ?? hostAndPort.endIndex)...].dropFirst()

    self.scheme = String(decoding: scheme, as: UTF8.self).lowercased()
    let name = (host.first == "[" ? host.dropFirst().dropLast() : host.last == "." ? host.dropLast() : host[...]).lowercased()
    self.host = IPAddress(name)?.description ?? name
    hostHeader = String(decoding: hostAndPort, as: UTF8.self)
    self.port = Int(String(decoding: port, as: UTF8.self)) ?? (self.scheme == "https" ? 443 : 80)
    let login = at.map { Self.decodedBytes(authority[..<$0]) } ?? []
    let colon = UInt8(ascii: ":")
    basicAuthorization = login.isEmpty ? nil : login.contains(colon) ? login : login + [colon]
    let pathAndQuery = rest[authority.endIndex...]
    let path = pathAndQuery.first == UInt8(ascii: "/") ? "" : "/"
    self.url = "\(self.scheme)://\(hostHeader)\(path)\(Self.sendable(pathAndQuery))"
  }

  /// "host:port", the same for every way to write them: names the receiver where what it gets is limited.
  package var hostKey: String { "\(bracketedHost):\(port)" }

  /// The URL, which may have got a longer query, for a client that looks up and checks the host that it names there.
  package func connectionURL(_ url: String) -> String {
    "\(scheme)://\(hostKey)\(url.dropFirst(scheme.count + 3 + hostHeader.count))"
  }

  private var bracketedHost: String { host.contains(":") ? "[\(host)]" : host }

  /// The URL with something behind its query, or as its query. `query` must be fit to be sent. A query is there once there is a "?", if
  /// only an empty one.
  package func url(adding query: String) -> String { "\(url)\(url.contains("?") ? "&" : "?")\(query)" }

  /// Text as the value of a query parameter: only letters, digits and - _ . ~ are themselves.
  package static func percentEncoded(_ text: some StringProtocol) -> String {
    encoded(Array(text.utf8)) { byte, _ in isAlphanumeric(byte) || "-_.~".utf8.contains(byte) }
  }

  /// Path and query so that every reader of URLs leaves them alone. Some take one "%" without hex digits as a reason to encode all the others.
  private static func sendable(_ text: ArraySlice<UInt8>) -> String {
    encoded(Array(text)) { byte, rest in
      if byte == UInt8(ascii: "%") { return rest.count >= 2 && rest.prefix(2).allSatisfy { Character(.init($0)).isHexDigit } }
      return (0x21...0x7e).contains(byte) && !#""<>\^`{|}[]"#.utf8.contains(byte)
    }
  }

  /// Percent-encodes all bytes but those for which `isItself` holds; it is also told what follows.
  private static func encoded(_ bytes: [UInt8], except isItself: (UInt8, ArraySlice<UInt8>) -> Bool) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    let digits = Array("0123456789ABCDEF".utf8)
    for (index, byte) in bytes.enumerated() {
      if isItself(byte, bytes[(index + 1)...]) {
        text.append(byte)
      } else {
        text += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// Percent-decoded; a "%" without two hex digits stays, and what is not UTF-8 is replaced.
  package static func decoded(_ text: some Collection<UInt8>) -> String { String(decoding: decodedBytes(text), as: UTF8.self) }

  private static func decodedBytes(_ text: some Collection<UInt8>) -> [UInt8] {
    var decoded: [UInt8] = []
    var rest = Array(text)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      if byte == UInt8(ascii: "%"), digits.count == 2, digits.allSatisfy({ Character(.init($0)).isHexDigit }),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      {
        decoded.append(value)
        rest = rest.dropFirst(2)
      } else {
        decoded.append(byte)
      }
    }
    return decoded
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte | 0x20 {
    case UInt8(ascii: "a")...UInt8(ascii: "z"): true
    default: (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
  }
}

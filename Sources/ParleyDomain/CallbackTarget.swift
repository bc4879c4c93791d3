/// How a callback URL goes on the wire: what is called, signed and put in the head of the request.
///
/// Signed is what is sent, so everything stays as it is written, but for what a request line cannot carry: that is percent-encoded.
package struct CallbackTarget: Sendable {
  /// The URL without user info and fragment; the scheme in lower case, an empty path as "/".
  package let url: String
  /// "http" or "https".
  package let scheme: String
  /// What is to be resolved: percent-decoded, an IPv6 address without its brackets.
  package let host: String
  /// Host and port as they are written.
  package let hostHeader: String
  package let port: Int
  /// The user info, decoded: "user:password" (B-HOOK-19).
  package let basicAuthorization: String?

  /// Nil if no policy would take the URL. Whether it may be called is not decided here: it may have been stored under other settings.
  package init?(_ url: String) {
    guard CallbackPolicy(allowPrivate: true).objection(to: url) == nil else { return nil }
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
    self.host = host.first == "[" ? String(host.dropFirst().dropLast()) : host
    hostHeader = String(decoding: hostAndPort, as: UTF8.self)
    self.port = Int(String(decoding: port, as: UTF8.self)) ?? (self.scheme == "https" ? 443 : 80)
    let login = at.map { Self.decoded(authority[..<$0]) } ?? ""
    basicAuthorization = login.isEmpty ? nil : login.contains(":") ? login : login + ":"
    let pathAndQuery = rest[authority.endIndex...]
    let path = pathAndQuery.first == UInt8(ascii: "/") ? "" : "/"
    self.url = "\(self.scheme)://\(hostHeader)\(path)\(Self.sendable(pathAndQuery))"
  }

  /// "host:port", the same for every way to write them: names the receiver where what it gets is limited.
  package var hostKey: String {
    let name = host.last == "." ? String(host.dropLast()) : host
    guard let address = IPAddress(name) else { return "\(name.lowercased()):\(port)" }
    if case .v6 = address { return "[\(address)]:\(port)" }
    return "\(address):\(port)"
  }

  /// The URL with something behind its query, or as its query. `query` must be fit to be sent.
  package func url(adding query: String) -> String {
    guard url.contains("?") else { return "\(url)?\(query)" }
    return url.hasSuffix("?") ? url + query : "\(url)&\(query)"
  }

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

  /// Percent-decoded; a "%" without two hex digits stays.
  package static func decoded(_ text: some Collection<UInt8>) -> String {
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
    return String(decoding: decoded, as: UTF8.self)
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte | 0x20 {
    case UInt8(ascii: "a")...UInt8(ascii: "z"): true
    default: (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
  }
}

extension IPAddress: CustomStringConvertible {
  /// The canonical text: IPv4 dotted, IPv6 shortened and in lower case, without brackets.
  package var description: String {
    switch self {
    case .v4(let address):
      return Self.dotted(address)
    case .v6(let address) where address >> 32 == 0xffff:
      return "::ffff:\(Self.dotted(UInt32(truncatingIfNeeded: address)))"
    case .v6(let address):
      let groups = (0..<8).map { UInt16(truncatingIfNeeded: address >> UInt128(112 - 16 * $0)) }
      let gap = Self.longestRunOfZeros(groups)
      let texts = groups.map { String($0, radix: 16) }
      guard gap.count > 1 else { return texts.joined(separator: ":") }
      return "\(texts[..<gap.lowerBound].joined(separator: ":"))::\(texts[gap.upperBound...].joined(separator: ":"))"
    }
  }

  private static func dotted(_ address: UInt32) -> String {
    "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
  }

  private static func longestRunOfZeros(_ groups: [UInt16]) -> Range<Int> {
    var longest = 0..<0
    for start in groups.indices {
      let count = groups[start...].prefix { $0 == 0 }.count
      if count > longest.count { longest = start..<(start + count) }
    }
    return longest
  }
}

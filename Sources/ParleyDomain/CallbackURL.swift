/// Where a status callback may go (B-HOOK-20).
///
/// Judges the text alone, when a Config or conversation is written. A name may still resolve to a private address:
/// who connects asks `allows` again.
package struct CallbackPolicy: Sendable {
  /// The longest URL taken, in Unicode scalars.
  package static let urlCharactersMax = 2048
  /// The query parameter that carries the body's hash (B-HOOK-14).
  package static let hashParameter = "bodySHA256"

  /// The hosts for which `http:` and addresses outside the public internet are taken too.
  package let privateHosts: PrivateHosts

  package init(_ privateHosts: PrivateHosts) { self.privateHosts = privateHosts }

  /// All private hosts or none.
  package init(allowPrivate: Bool) { self.init(allowPrivate ? .all : .none) }

  /// nil when `url` may be a callback; otherwise what is wrong, to be said behind the field's path, e.g. "must be an https URL".
  package func objection(to url: String) -> String? {
    do throws(CallbackURL.Unreadable) {
      return objection(to: try CallbackURL(url, plainHTTP: privateHosts != .none))
    } catch {
      return error.objection
    }
  }

  /// Whether a connection to an address that a callback's host led to may be opened (B-HOOK-21). `host` is as `CallbackTarget` has it.
  package func allows(_ address: IPAddress, host: String, port: Int) -> Bool {
    if address.isForbidden { return false }
    return address.isPublic || privateHosts.names(host, port: port) || privateHosts.names(address, port: port)
  }

  private func objection(to url: CallbackURL) -> String? {
    let isNamed: Bool
    switch url.host {
    case .name(let name):
      isNamed = privateHosts.names(name, port: url.port)
    case .address(let readings):
      guard !readings.contains(where: \.isForbidden) else {
        return privateHosts == .none ? "must have a public host" : "must not have a link-local or metadata address as its host"
      }
      isNamed = readings.allSatisfy { privateHosts.names($0, port: url.port) }
    }
    guard url.isEncrypted || isNamed else { return "must be an https URL" }
    guard url.host.isPublic || isNamed else { return "must have a public host" }
    // The receiver would find two hashes, of which one is not the body's.
    guard !url.namesHash else { return "must not have \(Self.hashParameter) in its query" }
    return nil
  }
}

/// A callback URL taken apart as far as it decides where the URL leads.
struct CallbackURL {
  /// Why a text is not such a URL: what a policy says of it.
  struct Unreadable: Error {
    let objection: String
  }

  enum Host {
    /// In lower case, without a dot at its end.
    case name(String)
    /// In every way in which resolvers read it.
    case address([IPAddress])

    /// Whether the host, however it is read, is public as far as its text says.
    var isPublic: Bool {
      switch self {
      case .name(let name): !["localhost", "local", "internal"].contains(name.split(separator: ".").last.map(String.init))
      case .address(let readings): readings.allSatisfy(\.isPublic)
      }
    }
  }

  let isEncrypted: Bool
  let host: Host
  let port: Int
  /// Whether its query has a parameter of the name that the body's hash gets.
  let namesHash: Bool

  /// `plainHTTP` says whether http may be named as a scheme at all.
  init(_ url: String, plainHTTP: Bool) throws(Unreadable) {
    guard url.unicodeScalars.count <= CallbackPolicy.urlCharactersMax else {
      throw Unreadable(objection: "must be at most \(CallbackPolicy.urlCharactersMax) characters")
    }
    guard !url.unicodeScalars.contains(where: isSpaceOrControl) else {
      throw Unreadable(objection: "must not contain spaces or control characters")
    }
    let bytes = Array(url.utf8)
    let scheme = bytes.prefix { $0 != colon }
    let name = scheme.map(\.asciiLowercased)
    isEncrypted = name.elementsEqual("https".utf8)
    guard isEncrypted || (plainHTTP && name.elementsEqual("http".utf8)) else {
      throw Unreadable(objection: plainHTTP ? "must be an http or https URL" : "must be an https URL")
    }
    let rest = bytes.dropFirst(scheme.count + 1)
    guard rest.starts(with: "//".utf8) else { throw Unreadable(objection: "must have a host") }

    let authority = rest.dropFirst(2).prefix { !"/?#".utf8.contains($0) }
    // Some readers take a backslash for a slash and end the host there, others do not: such a URL has two hosts.
    guard !authority.contains(UInt8(ascii: "\\")) else { throw Unreadable(objection: "must have a valid host") }
    let userAndHost = authority.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    guard userAndHost.count <= 2, userAndHost.count == 1 || !userAndHost[0].contains(where: "[]".utf8.contains) else {
      throw Unreadable(objection: "must write @, [ and ] in its user info as %40, %5B and %5D")
    }
    let written: Int?
    (host, written) = try Self.hostAndPort(userAndHost[userAndHost.count - 1])
    port = written ?? (isEncrypted ? 443 : 80)
    namesHash = Self.namesHash(rest[authority.endIndex...])
  }

  private static func hostAndPort(_ text: ArraySlice<UInt8>) throws(Unreadable) -> (Host, port: Int?) {
    let bracketed = text.first == UInt8(ascii: "[")
    let end = bracketed ? text.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } : text.firstIndex(of: colon)
    let written = text[..<(end ?? text.endIndex)]
    let behind = text[written.endIndex...]
    guard !written.isEmpty else { throw Unreadable(objection: "must have a host") }
    // The brackets of an address go undecoded: "%" begins a zone id there.
    guard let host = bracketed ? Array(written) : percentDecoded(written) else { throw Unreadable(objection: "must have a valid host") }
    guard host.allSatisfy({ $0 < 0x80 }) else { throw Unreadable(objection: "must write its host in ASCII (the xn-- form)") }
    guard behind.isEmpty || behind.first == colon else { throw Unreadable(objection: "must have a valid host") }
    let port = behind.isEmpty ? nil : Self.port(behind.dropFirst())
    guard behind.isEmpty || port != nil else { throw Unreadable(objection: "must have a port between 1 and 65535") }
    guard let read = bracketed ? Self.bracketed(host) : named(host) else { throw Unreadable(objection: "must have a valid host") }
    return (read, port)
  }

  /// nil if it is no address in brackets. A zone id must have its URL form: "%25", then a name.
  private static func bracketed(_ host: [UInt8]) -> Host? {
    guard host.last == UInt8(ascii: "]") else { return nil }
    let inner = host.dropFirst().dropLast()
    let address = inner.prefix { $0 != percent }
    let zone = inner.dropFirst(address.count)
    guard zone.isEmpty || (zone.starts(with: "%25".utf8) && zone.count > 3 && zone.dropFirst(3).allSatisfy(\.isHostNameByte)) else {
      return nil
    }
    guard address.contains(colon), let read = IPAddress(Array(address), leadingZeroIsOctal: true) else { return nil }
    return .address([read])
  }

  /// nil if it is neither a name nor an IPv4 address.
  private static func named(_ host: [UInt8]) -> Host? {
    let name = host.last == dot ? host.dropLast() : host[...]
    guard isHostName(name) else { return nil }
    let last = (name.split(separator: dot).last ?? []).map(\.asciiLowercased)
    guard isNumber(last) else { return .name(String(decoding: name.map(\.asciiLowercased), as: UTF8.self)) }
    // No top-level domain is a number, so what ends in one is an address or nothing.
    guard let address = IPAddress(Array(name), leadingZeroIsOctal: true) else { return nil }
    // Resolvers disagree on "010.1.1.1"; whichever does the connecting, it must end outside.
    let other = IPAddress(Array(name), leadingZeroIsOctal: false)
    return .address([address] + (other.map { $0 == address ? [] : [$0] } ?? []))
  }

  /// Labels that people use in host names, with dots between.
  static func isHostName(_ name: some Collection<UInt8>) -> Bool {
    let labels = name.split(separator: dot, omittingEmptySubsequences: false)
    return name.count <= 253 && labels.allSatisfy { (1...63).contains($0.count) && $0.allSatisfy(\.isHostNameByte) }
  }

  /// Digits, or hex digits behind "0x", however many.
  static func isNumber(_ label: some Collection<UInt8>) -> Bool {
    label.starts(with: "0x".utf8) ? label.dropFirst(2).allSatisfy { $0.hexDigit != nil } : label.allSatisfy(\.isASCIIDigit)
  }

  /// nil unless it is a number from 1 to 65535.
  static func port(_ text: some Collection<UInt8>) -> Int? {
    guard (1...5).contains(text.count), text.allSatisfy(\.isASCIIDigit) else { return nil }
    let port = text.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    return (1...65535).contains(port) ? port : nil
  }

  private static func namesHash(_ pathAndQuery: ArraySlice<UInt8>) -> Bool {
    let withoutFragment = pathAndQuery.prefix { $0 != UInt8(ascii: "#") }
    guard let mark = withoutFragment.firstIndex(of: UInt8(ascii: "?")) else { return false }
    return withoutFragment[(mark + 1)...].split(separator: UInt8(ascii: "&")).contains { parameter in
      CallbackTarget.decoded(parameter.prefix { $0 != UInt8(ascii: "=") }) == CallbackPolicy.hashParameter
    }
  }
}

// MARK: - Bytes

private let colon = UInt8(ascii: ":")
private let dot = UInt8(ascii: ".")
private let percent = UInt8(ascii: "%")

/// nil if a "%" has no two hex digits behind it.
private func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
  var decoded: [UInt8] = []
  var rest = text
  while let byte = rest.popFirst() {
    guard byte == percent else {
      decoded.append(byte)
      continue
    }
    guard let high = rest.popFirst().flatMap(\.hexDigit), let low = rest.popFirst().flatMap(\.hexDigit) else { return nil }
    decoded.append(high << 4 | low)
  }
  return decoded
}

private func isSpaceOrControl(_ scalar: Unicode.Scalar) -> Bool {
  // Tables are looked into only for what needs them: this is asked for every webhook.
  if scalar.isASCII { return scalar.value <= 0x20 || scalar.value == 0x7F }
  return scalar.properties.isWhitespace || scalar.properties.generalCategory == .control
}

extension UInt8 {
  /// What a DNS label that people use as a host holds; the underscore is no letter of host names, but is found in them.
  fileprivate var isHostNameByte: Bool {
    isASCIIDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(asciiLowercased) || "-_".utf8.contains(self)
  }
}

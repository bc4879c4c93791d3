/// The hosts outside the public internet that callbacks may go to, and those that they may call by `http:`.
package enum PrivateHosts: Sendable, Equatable {
  case none
  case all
  case listed([Entry])

  /// One name, or the addresses of one network, at one port or at any.
  package struct Entry: Sendable, Equatable {
    enum Host: Sendable, Equatable {
      case name(String)
      case network(Network)
    }

    let host: Host
    let port: Int?
  }

  /// The addresses that begin with the same bits.
  struct Network: Sendable, Equatable {
    let start: IPAddress
    let length: Int
  }

  /// Reads `true`, `false`, or a list such as `127.0.0.1:3000,[::1]:3000,10.0.0.0/8,hooks.internal,app:3000`. Nil for any other text, and
  /// for a list that names an address which is always refused.
  package init?(_ text: String) {
    switch text {
    case "true": self = .all
    case "false": self = .none
    default:
      let parts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
      let entries = parts.compactMap { part -> Entry? in
        let words = part.split(separator: UInt8(ascii: " "))
        return words.count == 1 ? Entry(Array(words[0])) : nil
      }
      guard entries.count == parts.count else { return nil }
      self = .listed(entries)
    }
  }

  /// Whether the host of that name is one of them. `name` is in lower case, without a dot at its end.
  func names(_ name: String, port: Int) -> Bool {
    switch self {
    case .none: false
    case .all: true
    case .listed(let entries): entries.contains { $0.host == .name(name) && ($0.port ?? port) == port }
    }
  }

  /// Whether the host of that address is one of them.
  func names(_ address: IPAddress, port: Int) -> Bool {
    switch self {
    case .none: false
    case .all: true
    case .listed(let entries):
      entries.contains { entry in
        guard case .network(let network) = entry.host else { return false }
        return network.contains(address) && (entry.port ?? port) == port
      }
    }
  }
}

extension PrivateHosts.Entry {
  /// A name, an address or a network, then perhaps a colon and a port; an IPv6 address with a port stands in brackets.
  fileprivate init?(_ text: [UInt8]) {
    let colon = UInt8(ascii: ":")
    var host = text[...]
    var port: Int?
    if let end = text.firstIndex(of: UInt8(ascii: "]")) {
      guard text.first == UInt8(ascii: "["), text[1..<end].contains(colon) else { return nil }
      host = text[1..<end]
      let behind = text[(end + 1)...]
      if !behind.isEmpty {
        guard behind.first == colon, let read = CallbackURL.port(behind.dropFirst()) else { return nil }
        port = read
      }
    } else if let mark = text.firstIndex(of: colon), mark == text.lastIndex(of: colon) {
      guard let read = CallbackURL.port(text[(mark + 1)...]) else { return nil }
      (host, port) = (text[..<mark], read)
    }
    if let network = PrivateHosts.Network(host) {
      guard !network.isForbidden, port == nil || !host.contains(UInt8(ascii: "/")) else { return nil }
      self.init(host: .network(network), port: port)
    } else {
      if host.last == UInt8(ascii: ".") { host = host.dropLast() }
      let name = host.map(\.asciiLowercased)
      // A word alone is rather a mistyped "true" than a host.
      guard name.contains(UInt8(ascii: ".")) || port != nil || name.elementsEqual("localhost".utf8) else { return nil }
      guard CallbackURL.isHostName(name), !CallbackURL.isNumber(name.split(separator: UInt8(ascii: ".")).last ?? []) else { return nil }
      self.init(host: .name(String(decoding: name, as: UTF8.self)), port: port)
    }
  }
}

extension PrivateHosts.Network {
  /// An address, or one with the length of what its network shares behind a slash. Only the usual notation of IPv4 is taken, because
  /// readers disagree on the others.
  fileprivate init?(_ text: ArraySlice<UInt8>) {
    let parts = text.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
    let written = String(decoding: parts[0], as: UTF8.self)
    guard let address = IPAddress(written), !written.contains("%") else { return nil }
    let bits: Int
    switch address {
    case .v4:
      guard address.description == written else { return nil }
      bits = 32
    case .v6: bits = 128
    }
    var length = bits
    if parts.count == 2 {
      guard (1...3).contains(parts[1].count), parts[1].allSatisfy(\.isASCIIDigit),
        let read = Int(String(decoding: parts[1], as: UTF8.self)), read <= bits
      else { return nil }
      length = read
    }
    // ::ffff:10.0.0.0/104 is 10.0.0.0/8.
    let isMapped = address != address.unmapped && length >= 96
    self.init(start: isMapped ? address.unmapped : address, length: isMapped ? length - 96 : length)
  }

  func contains(_ address: IPAddress) -> Bool {
    switch (start, address.unmapped) {
    case (.v4(let start), .v4(let address)): (start ^ address) >> (32 - UInt32(length)) == 0
    case (.v6(let start), .v6(let address)): (start ^ address) >> (128 - UInt128(length)) == 0
    default: false
    }
  }

  /// Whether all of it is refused always; a larger network may have such addresses in it.
  var isForbidden: Bool {
    switch start {
    case .v4: start.isForbidden && (length >= 16)
    case .v6: start.isForbidden && (length >= 10)
    }
  }
}

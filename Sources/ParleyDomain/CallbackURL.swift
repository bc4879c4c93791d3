/// Where a status callback may go (B-HOOK-20).
///
/// Judges the text alone, when a Config or conversation is written. A name may still resolve to a private address:
/// who connects asks `IPAddress.isPublic` again.
package struct CallbackPolicy: Sendable {
  /// The longest URL taken, in Unicode scalars.
  package static let urlCharactersMax = 2048

  /// Whether `http:` and hosts outside the public internet are taken too.
  package let allowPrivate: Bool

  package init(allowPrivate: Bool) {
    self.allowPrivate = allowPrivate
  }

  /// nil when `url` may be a callback; otherwise what is wrong, to be said behind the field's path, e.g. "must be an https URL".
  package func objection(to url: String) -> String? {
    guard url.unicodeScalars.count <= Self.urlCharactersMax else { return "must be at most \(Self.urlCharactersMax) characters" }
    guard !url.unicodeScalars.contains(where: isSpaceOrControl) else { return "must not contain spaces or control characters" }

    let bytes = Array(url.utf8)
    let scheme = bytes.prefix { $0 != colon }
    guard isAllowed(scheme: scheme) else { return allowPrivate ? "must be an http or https URL" : "must be an https URL" }
    let rest = bytes.dropFirst(scheme.count + 1)
    guard rest.starts(with: "//".utf8) else { return "must have a host" }

    let authority = rest.dropFirst(2).prefix { !"/?#".utf8.contains($0) }
    // Some readers take a backslash for a slash and end the host there, others do not: such a URL has two hosts.
    guard !authority.contains(UInt8(ascii: "\\")) else { return "must have a valid host" }
    let userAndHost = authority.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    guard userAndHost.count <= 2, userAndHost.count == 1 || !userAndHost[0].contains(where: "[]".utf8.contains) else {
      return "must write @, [ and ] in its user info as %40, %5B and %5D"
    }
    return objection(toHostAndPort: userAndHost[userAndHost.count - 1])
  }

  private func isAllowed(scheme: ArraySlice<UInt8>) -> Bool {
    let scheme = scheme.map(lowercased)
    return scheme.elementsEqual("https".utf8) || (allowPrivate && scheme.elementsEqual("http".utf8))
  }

  private func objection(toHostAndPort text: ArraySlice<UInt8>) -> String? {
    let bracketed = text.first == UInt8(ascii: "[")
    let end = bracketed ? text.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } : text.firstIndex(of: colon)
    let written = text[..<(end ?? text.endIndex)]
    let behind = text[written.endIndex...]
    guard !written.isEmpty else { return "must have a host" }
    // The brackets of an address go undecoded: "%" begins a zone id there.
    guard let host = bracketed ? Array(written) : percentDecoded(written) else { return "must have a valid host" }
    guard host.allSatisfy({ $0 < 0x80 }) else { return "must write its host in ASCII (the xn-- form)" }
    guard behind.isEmpty || behind.first == colon else { return "must have a valid host" }
    guard behind.isEmpty || isPort(behind.dropFirst()) else { return "must have a port between 1 and 65535" }

    switch bracketed ? reach(ofBracketed: host) : reach(ofName: host) {
    case nil: return "must have a valid host"
    case .somePrivate: return allowPrivate ? nil : "must have a public host"
    case .onlyPublic: return nil
    }
  }
}

/// An internet address, apart from any name for it.
package enum IPAddress: Hashable, Sendable {
  case v4(UInt32)
  case v6(UInt128)

  /// Reads every notation that resolvers take for an address: IPv4 in one to four parts, each decimal, octal (0…) or hex (0x…);
  /// IPv6 with or without a dotted end, without brackets. A zone id ("%eth0") is cut off: it names an interface, not a network.
  package init?(_ text: String) {
    self.init(Array(text.utf8), leadingZeroIsOctal: true)
  }

  fileprivate init?(_ text: [UInt8], leadingZeroIsOctal: Bool) {
    if text.contains(colon) {
      guard let value = ipv6(text.prefix { $0 != percent }) else { return nil }
      self = .v6(value)
    } else {
      guard let value = looseIPv4(text, leadingZeroIsOctal: leadingZeroIsOctal) else { return nil }
      self = .v4(value)
    }
  }

  /// Whether the address is one host's own on the public internet: not loopback, private, link-local, shared, multicast, reserved or
  /// for documentation. An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4) is as public as that one.
  package var isPublic: Bool {
    switch self {
    case .v4(let address):
      return !Self.closedIPv4.contains { block in (address ^ block.start) >> (32 - block.length) == 0 }
    case .v6(let address):
      switch address >> 32 {
      case 0, 0xffff, 0x64_ff9b << 64: return Self.v4(UInt32(truncatingIfNeeded: address)).isPublic
      default: break
      }
      if address >> 112 == 0x2002 { return Self.v4(UInt32(truncatingIfNeeded: address >> 80)).isPublic }
      // Only 2000::/3 is given out for public use, so all that has another beginning need not be listed.
      guard address >> 125 == 0b001 else { return false }
      return !Self.closedIPv6.contains { block in (address >> 96 ^ block.start) >> (32 - block.length) == 0 }
    }
  }

  /// The parts of IPv4 in which no public host lives.
  private static let closedIPv4: [(start: UInt32, length: UInt32)] = [
    (0x0000_0000, 8),  // 0.0.0.0: this network
    (0x0a00_0000, 8),  // 10.0.0.0: private
    (0x6440_0000, 10),  // 100.64.0.0: carrier-grade NAT
    (0x7f00_0000, 8),  // 127.0.0.0: loopback
    (0xa9fe_0000, 16),  // 169.254.0.0: link-local, where clouds keep their metadata
    (0xac10_0000, 12),  // 172.16.0.0: private
    (0xc000_0000, 24),  // 192.0.0.0: protocol assignments
    (0xc000_0200, 24),  // 192.0.2.0: documentation
    (0xc0a8_0000, 16),  // 192.168.0.0: private
    (0xc612_0000, 15),  // 198.18.0.0: benchmarking
    (0xc633_6400, 24),  // 198.51.100.0: documentation
    (0xcb00_7100, 24),  // 203.0.113.0: documentation
    (0xe000_0000, 4),  // 224.0.0.0: multicast
    (0xf000_0000, 4),  // 240.0.0.0: reserved, and broadcast
  ]

  /// The parts of 2000::/3 in which no public host lives, by the first 32 bits.
  private static let closedIPv6: [(start: UInt128, length: UInt128)] = [
    (0x2001_0000, 23),  // 2001::: protocol assignments, Teredo and benchmarking among them
    (0x2001_0db8, 32),  // 2001:db8::: documentation
    (0x3fff_0000, 20),  // 3fff::: documentation
  ]
}

// MARK: - Hosts

/// Whether a host, read in every way it can be read, is public.
private enum Reach {
  case onlyPublic
  case somePrivate
}

/// nil if it is no address in brackets. A zone id must have its URL form: "%25", then a name.
private func reach(ofBracketed host: [UInt8]) -> Reach? {
  guard host.last == UInt8(ascii: "]") else { return nil }
  let inner = host.dropFirst().dropLast()
  let address = inner.prefix { $0 != percent }
  let zone = inner.dropFirst(address.count)
  guard zone.isEmpty || (zone.starts(with: "%25".utf8) && zone.count > 3 && zone.dropFirst(3).allSatisfy(isNameByte)) else { return nil }
  return ipv6(address).map { IPAddress.v6($0).isPublic ? .onlyPublic : .somePrivate }
}

/// nil if it is neither a name nor an IPv4 address.
private func reach(ofName host: [UInt8]) -> Reach? {
  let name = host.last == dot ? host.dropLast() : host[...]
  let labels = name.split(separator: dot, omittingEmptySubsequences: false)
  guard name.count <= 253, labels.allSatisfy({ (1...63).contains($0.count) && $0.allSatisfy(isNameByte) }) else { return nil }
  let last = labels[labels.count - 1].map(lowercased)

  // No top-level domain is a number, so what ends in one is an address or nothing.
  if isNumber(last) {
    guard let address = IPAddress(Array(name), leadingZeroIsOctal: true) else { return nil }
    // Resolvers disagree on "010.1.1.1"; whichever does the connecting, it must end outside.
    let other = IPAddress(Array(name), leadingZeroIsOctal: false)
    return address.isPublic && other?.isPublic != false ? .onlyPublic : .somePrivate
  }
  return ["localhost", "local", "internal"].contains { last.elementsEqual($0.utf8) } ? .somePrivate : .onlyPublic
}

/// Digits, or hex digits behind "0x", however many.
private func isNumber(_ label: [UInt8]) -> Bool {
  label.starts(with: "0x".utf8) ? label.dropFirst(2).allSatisfy { hexDigit($0) != nil } : label.allSatisfy(isDigit)
}

private func isPort(_ text: ArraySlice<UInt8>) -> Bool {
  guard (1...5).contains(text.count), text.allSatisfy(isDigit) else { return false }
  return (1...65535).contains(text.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) })
}

/// nil if a "%" has no two hex digits behind it.
private func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
  var decoded: [UInt8] = []
  var rest = text
  while let byte = rest.popFirst() {
    guard byte == percent else {
      decoded.append(byte)
      continue
    }
    guard let high = rest.popFirst().flatMap(hexDigit), let low = rest.popFirst().flatMap(hexDigit) else { return nil }
    decoded.append(high << 4 | low)
  }
  return decoded
}

// MARK: - Addresses

/// IPv4 as the C library reads it: the last part fills all the bytes that the others left.
private func looseIPv4(_ text: [UInt8], leadingZeroIsOctal: Bool) -> UInt32? {
  let parts = text.split(separator: dot, omittingEmptySubsequences: false)
  guard parts.count <= 4 else { return nil }
  var address: UInt64 = 0
  for (index, part) in parts.enumerated() {
    let width = index == parts.count - 1 ? 8 * (5 - parts.count) : 8
    guard let number = looseNumber(part, leadingZeroIsOctal: leadingZeroIsOctal), number >> width == 0 else { return nil }
    address = address << width | number
  }
  return UInt32(address)
}

/// A number of at most 32 bits; "0x" alone is zero, as browsers have it.
private func looseNumber(_ text: ArraySlice<UInt8>, leadingZeroIsOctal: Bool) -> UInt64? {
  let isHex = text.prefix(2).map(lowercased).elementsEqual("0x".utf8)
  let isOctal = leadingZeroIsOctal && text.count > 1 && text.first == UInt8(ascii: "0")
  let radix: UInt64 = isHex ? 16 : isOctal ? 8 : 10
  guard !text.isEmpty else { return nil }
  var number: UInt64 = 0
  for byte in text.dropFirst(isHex ? 2 : 0) {
    guard let digit = hexDigit(byte), digit < radix else { return nil }
    number = number * radix + UInt64(digit)
    guard number <= UInt32.max else { return nil }
  }
  return number
}

private func ipv6(_ text: ArraySlice<UInt8>) -> UInt128? {
  let gap = text.indices.first { text[$0] == colon && text[$0...].dropFirst().first == colon }
  let groups: [UInt16]
  if let gap {
    guard let head = ipv6Groups(text[..<gap], mayEndDotted: false),
      let tail = ipv6Groups(text[(gap + 2)...], mayEndDotted: true),
      head.count + tail.count < 8
    else { return nil }
    groups = head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
  } else {
    guard let all = ipv6Groups(text, mayEndDotted: true), all.count == 8 else { return nil }
    groups = all
  }
  return groups.reduce(0) { $0 << 16 | UInt128($1) }
}

private func ipv6Groups(_ text: ArraySlice<UInt8>, mayEndDotted: Bool) -> [UInt16]? {
  guard !text.isEmpty else { return [] }
  var groups: [UInt16] = []
  let parts = text.split(separator: colon, omittingEmptySubsequences: false)
  for (index, part) in parts.enumerated() {
    if mayEndDotted, index == parts.count - 1, part.contains(dot) {
      guard let address = dottedIPv4(part) else { return nil }
      groups += [UInt16(address >> 16), UInt16(truncatingIfNeeded: address)]
    } else {
      guard (1...4).contains(part.count) else { return nil }
      var group: UInt16 = 0
      for byte in part {
        guard let digit = hexDigit(byte) else { return nil }
        group = group << 4 | UInt16(digit)
      }
      groups.append(group)
    }
  }
  return groups
}

/// IPv4 in its one proper form, the only one that may end an IPv6 address.
private func dottedIPv4(_ text: ArraySlice<UInt8>) -> UInt32? {
  let parts = text.split(separator: dot, omittingEmptySubsequences: false)
  guard parts.count == 4 else { return nil }
  var address: UInt32 = 0
  for part in parts {
    guard part.allSatisfy(isDigit), part.count == 1 || part.first != UInt8(ascii: "0"),
      let number = looseNumber(part, leadingZeroIsOctal: false), number <= 255
    else { return nil }
    address = address << 8 | UInt32(number)
  }
  return address
}

// MARK: - Bytes

private let colon = UInt8(ascii: ":")
private let dot = UInt8(ascii: ".")
private let percent = UInt8(ascii: "%")

private func isSpaceOrControl(_ scalar: Unicode.Scalar) -> Bool {
  // Tables are looked into only for what needs them: this is asked for every webhook.
  if scalar.isASCII { return scalar.value <= 0x20 || scalar.value == 0x7F }
  return scalar.properties.isWhitespace || scalar.properties.generalCategory == .control
}

private func isDigit(_ byte: UInt8) -> Bool {
  (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
}

/// What a DNS label that people use as a host holds; the underscore is no letter of host names, but is found in them.
private func isNameByte(_ byte: UInt8) -> Bool {
  isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(lowercased(byte)) || "-_".utf8.contains(byte)
}

private func lowercased(_ byte: UInt8) -> UInt8 {
  (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
  switch lowercased(byte) {
  case let digit where isDigit(digit): digit - UInt8(ascii: "0")
  case let letter where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(letter): letter - UInt8(ascii: "a") + 10
  default: nil
  }
}

/// An internet address, apart from any name for it.
package enum IPAddress: Hashable, Sendable {
  case v4(UInt32)
  case v6(UInt128)

  /// Reads every notation that resolvers take for an address: IPv4 in one to four parts, each decimal, octal (0…) or hex (0x…);
  /// IPv6 with or without a dotted end, without brackets. A zone id ("%eth0") is cut off: it names an interface, not a network.
  package init?(_ text: String) {
    self.init(Array(text.utf8), leadingZeroIsOctal: true)
  }

  /// Reads an address as resolvers do that take a leading zero for octal, or as those that drop it.
  init?(_ text: [UInt8], leadingZeroIsOctal: Bool) {
    if text.contains(UInt8(ascii: ":")) {
      guard let value = ipv6(text.prefix { $0 != UInt8(ascii: "%") }) else { return nil }
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

  /// Whether no setting opens the address to callbacks: it is link-local, or a cloud serves a machine's metadata there. An IPv6 address that
  /// carries an IPv4 one is forbidden with that one.
  package var isForbidden: Bool {
    switch self {
    case .v4(let address):
      return Self.forbiddenIPv4.contains { block in (address ^ block.start) >> (32 - block.length) == 0 }
    case .v6(let address):
      if address >> 118 == 0xfe80 >> 6 || Self.forbiddenIPv6.contains(address) { return true }
      return carriedIPv4.map { Self.v4($0).isForbidden } ?? false
    }
  }

  /// The IPv4 address that an IPv6 address carries: mapped, compatible, translated, NAT64 of either prefix, or 6to4.
  private var carriedIPv4: UInt32? {
    guard case .v6(let address) = self else { return nil }
    let last = UInt32(truncatingIfNeeded: address)
    switch address >> 32 {
    case 0, 0xffff, 0xffff_0000, 0x64_ff9b << 64: return last
    default: break
    }
    if address >> 80 == 0x64_ff9b_0001 { return last }
    return address >> 112 == 0x2002 ? UInt32(truncatingIfNeeded: address >> 80) : nil
  }

  /// The IPv4 address that is meant by ::ffff:0:0/96; any other address is itself.
  package var unmapped: IPAddress {
    guard case .v6(let address) = self, address >> 32 == 0xffff else { return self }
    return .v4(UInt32(truncatingIfNeeded: address))
  }

  /// What is forbidden of IPv4, link-local addresses first.
  private static let forbiddenIPv4: [(start: UInt32, length: UInt32)] = [
    (0xa9fe_0000, 16),  // 169.254.0.0: link-local, where most clouds keep their metadata
    (0xa83f_8110, 32),  // 168.63.129.16: Azure
    (0x6464_64c8, 32),  // 100.100.100.200: Alibaba
    (0xc000_00c0, 32),  // 192.0.0.192: Oracle
  ]

  /// Where clouds keep their metadata on IPv6: fd00:ec2::254 (AWS) and fd20:ce::254 (Google).
  private static let forbiddenIPv6: [UInt128] = [0xfd00_0ec2 << 96 | 0x254, 0xfd20_00ce << 96 | 0x254]

  /// The parts of IPv4 in which no public host lives.
  private static let closedIPv4: [(start: UInt32, length: UInt32)] = [
    (0x0000_0000, 8),  // 0.0.0.0: this network
    (0x0a00_0000, 8),  // 10.0.0.0: private
    (0x6440_0000, 10),  // 100.64.0.0: carrier-grade NAT
    (0x7f00_0000, 8),  // 127.0.0.0: loopback
    (0xa9fe_0000, 16),  // 169.254.0.0: link-local, where clouds keep their metadata
    (0xa83f_8110, 32),  // 168.63.129.16: Azure's host, which answers its guests alone
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

// MARK: - Reading

/// IPv4 as the C library reads it: the last part fills all the bytes that the others left.
private func looseIPv4(_ text: [UInt8], leadingZeroIsOctal: Bool) -> UInt32? {
  let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
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
  let isHex = text.prefix(2).map(\.asciiLowercased).elementsEqual("0x".utf8)
  let isOctal = leadingZeroIsOctal && text.count > 1 && text.first == UInt8(ascii: "0")
  let radix: UInt64 = isHex ? 16 : isOctal ? 8 : 10
  guard !text.isEmpty else { return nil }
  var number: UInt64 = 0
  for byte in text.dropFirst(isHex ? 2 : 0) {
    guard let digit = byte.hexDigit, digit < radix else { return nil }
    number = number * radix + UInt64(digit)
    guard number <= UInt32.max else { return nil }
  }
  return number
}

private func ipv6(_ text: ArraySlice<UInt8>) -> UInt128? {
  let gap = text.indices.first { text[$0] == UInt8(ascii: ":") && text[$0...].dropFirst().first == UInt8(ascii: ":") }
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
  let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
  for (index, part) in parts.enumerated() {
    if mayEndDotted, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
      guard let address = dottedIPv4(part) else { return nil }
      groups += [UInt16(address >> 16), UInt16(truncatingIfNeeded: address)]
    } else {
      guard (1...4).contains(part.count) else { return nil }
      var group: UInt16 = 0
      for byte in part {
        guard let digit = byte.hexDigit else { return nil }
        group = group << 4 | UInt16(digit)
      }
      groups.append(group)
    }
  }
  return groups
}

/// IPv4 in its one proper form, the only one that may end an IPv6 address.
private func dottedIPv4(_ text: ArraySlice<UInt8>) -> UInt32? {
  let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  guard parts.count == 4 else { return nil }
  var address: UInt32 = 0
  for part in parts {
    guard part.allSatisfy(\.isASCIIDigit), part.count == 1 || part.first != UInt8(ascii: "0"),
      let number = looseNumber(part, leadingZeroIsOctal: false), number <= 255
    else { return nil }
    address = address << 8 | UInt32(number)
  }
  return address
}

// MARK: - Bytes

extension UInt8 {
  /// The value of a hexadecimal digit in either case.
  var hexDigit: UInt8? {
    switch asciiLowercased {
    case let digit where digit.isASCIIDigit: digit - UInt8(ascii: "0")
    case let letter where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(letter): letter - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

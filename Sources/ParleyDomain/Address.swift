/// The ways by which a participant can be reached.
package enum Channel: String, CaseIterable, Sendable {
  case voice = "VOICE"
  case sms = "SMS"
  case rcs = "RCS"
  case whatsapp = "WHATSAPP"
  case chat = "CHAT"
  case video = "VIDEO"
  case email = "EMAIL"
}

/// Where a participant is on one channel, as the caller wrote it.
package struct Address: Sendable {
  package static let charactersMax = 254
  package static let channelIdCharactersMax = 256

  package let channel: Channel
  package let text: String
  /// The channel's own id of this link, such as a call SID; opaque (B-ADDR-5).
  package let channelId: String?

  package init(channel: Channel, text: String, channelId: String? = nil) {
    self.channel = channel
    self.text = text
    self.channelId = channelId
  }

  /// Reads an address of its channel's form (B-ADDR-1…5); outer spaces are left out.
  package init?(_ fields: Fields) {
    fields.require("channel")
    let channel: Channel? = fields.choice("channel")
    fields.require("address")
    let text = fields.string("address") { text in Self.objection(to: text.trimmingSpaces, on: channel) }
    let channelId = fields.string("channelId", characters: 1...Self.channelIdCharactersMax, plain: true)
    guard let channel, let text else { return nil }
    self.init(channel: channel, text: text.trimmingSpaces, channelId: channelId)
  }

  package init?(document: JSON.Object) {
    guard let channel = document["channel"]?.string.flatMap(Channel.init), let text = document["address"]?.string else { return nil }
    self.init(channel: channel, text: text, channelId: document["channelId"]?.string)
  }

  package func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("channel", channel.rawValue)
      writer.member("address", text)
      if let channelId { writer.member("channelId", channelId) }
    }
  }

  /// What two spellings of one address have in common: the text without its prefix, an e-mail address in lower case (B-ADDR-8).
  package var normalForm: String { Self.normalForm(of: text, on: channel) }

  /// Nil if the text may be an address; what is wrong otherwise. Without a channel only what holds on all of them is checked.
  package static func objection(to text: String, on channel: Channel?) -> String? {
    if text.isEmpty { return "must not be empty" }
    guard text.hasCharacters(1...charactersMax) else { return "must have at most \(charactersMax) characters" }
    if text.hasControlCharacters { return "must have no control characters" }
    guard let channel else { return nil }
    if normalForm(of: text, on: channel).isEmpty { return "has nothing behind its prefix" }
    return channel.accepts(text) ? nil : "must be \(channel.addressForm)"
  }

  private static let prefixes = ["whatsapp:", "rcs:", "client:", "tel:"]

  private static func normalForm(of text: String, on channel: Channel) -> String {
    let prefix = prefixes.first { text.hasASCIIPrefix($0) }
    let bare = prefix.map { String(text.utf8.dropFirst($0.utf8.count)) ?? text } ?? text
    return channel == .email ? bare.asciiLowercased : bare
  }
}

extension Channel {
  /// The form of addresses on this channel, to be said behind "must be" (B-ADDR-2).
  fileprivate var addressForm: String {
    switch self {
    case .sms: "a number such as +14155550117, a short code of 3 to 8 digits or a sender of 1 to 11 letters, digits and spaces"
    case .voice: "a number such as +14155550117, a client identity or a SIP URI"
    case .whatsapp: "a number such as whatsapp:+14155550117"
    case .rcs: "a sender such as rcs:brand_agent or a number"
    case .chat, .video: "an identity"
    case .email: "an e-mail address"
    }
  }

  /// Letters and digits are ASCII (B-ADDR-8); the text is not empty and has no control characters.
  fileprivate func accepts(_ text: String) -> Bool {
    switch self {
    case .sms: text.isE164 || text.isShortCode || text.isAlphanumericSender
    case .voice: text.utf8.first != UInt8(ascii: "+") || text.isE164
    case .whatsapp: text.isE164 || text.behind("whatsapp:").map(\.isE164) ?? false
    case .rcs: text.isE164 || text.behind("rcs:").map { $0.isE164 || $0.isRCSSender } ?? false
    case .chat, .video: true
    case .email: text.isEmailAddress
    }
  }
}

extension String {
  fileprivate var isE164: Bool {
    let digits = utf8.dropFirst()
    return utf8.first == UInt8(ascii: "+") && (2...15).contains(digits.count) && digits.allSatisfy(\.isASCIIDigit)
      && digits.first != UInt8(ascii: "0")
  }

  fileprivate var isShortCode: Bool { (3...8).contains(utf8.count) && utf8.allSatisfy(\.isASCIIDigit) }

  fileprivate var isAlphanumericSender: Bool {
    (1...11).contains(utf8.count) && utf8.contains(where: \.isASCIILetter)
      && utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: " ") }
  }

  fileprivate var isRCSSender: Bool {
    !isEmpty
      && utf8.allSatisfy {
        $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
      }
  }

  fileprivate var isEmailAddress: Bool {
    let parts = utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
  }

  /// The text behind a prefix that may be in any case; nil if it has another.
  fileprivate func behind(_ prefix: String) -> String? {
    hasASCIIPrefix(prefix) ? String(utf8.dropFirst(prefix.utf8.count)) : nil
  }

  /// Whether the text starts with the lower-case ASCII prefix, in any case.
  fileprivate func hasASCIIPrefix(_ prefix: String) -> Bool {
    utf8.count >= prefix.utf8.count && zip(utf8, prefix.utf8).allSatisfy { $0.asciiLowercased == $1 }
  }

  fileprivate var asciiLowercased: String { String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self) }

  /// Without spaces (U+0020, no others) at both ends.
  package var trimmingSpaces: String {
    guard utf8.first == UInt8(ascii: " ") || utf8.last == UInt8(ascii: " ") else { return self }
    let space = UInt8(ascii: " ")
    let start = utf8.firstIndex { $0 != space } ?? utf8.endIndex
    let end = utf8.lastIndex { $0 != space }.map { utf8.index(after: $0) } ?? start
    return String(self[start..<end])
  }
}

extension UInt8 {
  var isASCIIDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
  fileprivate var isASCIILetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(asciiLowercased) }
  var asciiLowercased: UInt8 { self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self + 32 : self }
}

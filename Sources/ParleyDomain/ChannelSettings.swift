/// What a configuration says of one channel.
package struct ChannelSettings: Sendable {
  package static let captureRulesMax = 100
  /// Minutes; the upper bound keeps later arithmetic in milliseconds far from overflow.
  package static let timeoutMinutes: ClosedRange<Int64> = 1...Int64(Int32.max)

  package let channel: Channel
  package let timeouts: StatusTimeouts?
  package let captureRules: [CaptureRule]?

  /// The channels of `channelSettings`; a null channel is one left out, an unknown one a problem (B-CFG-3).
  package static func all(_ fields: Fields) -> [ChannelSettings] {
    guard let channels = fields.object("channelSettings") else { return [] }
    return channels.names.compactMap { name in
      guard let channel = Channel.allCases.first(where: { $0.rawValue.isSame(as: name) }) else {
        channels.problem(name, "is no channel; the channels are \(Channel.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
      }
      return channels.object(name).map { ChannelSettings(channel: channel, $0) }
    }
  }

  private init(channel: Channel, _ fields: Fields) {
    self.channel = channel
    timeouts = fields.object("statusTimeouts").map { fields in
      StatusTimeouts(
        inactive: fields.integer("inactive", in: Self.timeoutMinutes), closed: fields.integer("closed", in: Self.timeoutMinutes))
    }
    captureRules = fields.list("captureRules", max: Self.captureRulesMax) { CaptureRule($0, on: channel) }
  }

  private init(channel: Channel, timeouts: StatusTimeouts?) {
    (self.channel, self.timeouts, captureRules) = (channel, timeouts, nil)
  }

  /// The same without capture rules, which belong to a configuration and not to a conversation (B-CONV-3, 4); nil if nothing is left.
  package var timeoutsAlone: ChannelSettings? {
    timeouts == nil ? nil : ChannelSettings(channel: channel, timeouts: timeouts)
  }

  package static func write(_ settings: [ChannelSettings], to writer: inout JSONWriter) {
    writer.object { writer in
      for setting in settings {
        writer.name(setting.channel.rawValue)
        setting.write(to: &writer)
      }
    }
  }

  private func write(to writer: inout JSONWriter) {
    writer.object { writer in
      if let timeouts {
        writer.name("statusTimeouts")
        writer.object { writer in
          if let inactive = timeouts.inactive { writer.member("inactive", inactive) }
          if let closed = timeouts.closed { writer.member("closed", closed) }
        }
      }
      if captureRules != nil {
        // Their place; see `KeptSettings`.
        writer.name("captureRules")
        writer.null()
      }
    }
  }

  /// The lists of capture rules in the order of their places, one a line; nil if there are none.
  static func rules(of settings: [ChannelSettings]) -> [UInt8]? {
    let lists = settings.compactMap(\.captureRules).map { rules in
      var writer = JSONWriter(capacity: 64)
      writer.array { writer in for rule in rules { rule.write(to: &writer) } }
      return writer.bytes
    }
    return lists.isEmpty ? nil : Array(lists.joined(separator: [UInt8(ascii: "\n")]))
  }
}

/// Minutes without a communication until a conversation changes its status; each may be missing (B-LIFE-1).
package struct StatusTimeouts: Sendable {
  package let inactive: Int64?
  package let closed: Int64?
}

/// Which traffic a configuration captures: both sides must match (B-RULE-1).
package struct CaptureRule: Sendable {
  package static let metadataMax = 20
  package static let metadataCharacters = 0...512

  package let from: String
  package let to: String
  package let metadata: [(name: String, value: String)]

  init?(_ fields: Fields, on channel: Channel) {
    let from = Self.side("from", of: fields, on: channel)
    let to = Self.side("to", of: fields, on: channel)
    metadata = Self.metadata(of: fields, on: channel)
    guard let from, let to else { return nil }
    (self.from, self.to) = (from, to)
  }

  fileprivate func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("from", from)
      writer.member("to", to)
      writer.name("metadata")
      writer.object { writer in for entry in metadata { writer.member(entry.name, entry.value) } }
    }
  }

  /// `*` alone, or one address of the channel's form.
  private static func side(_ name: String, of fields: Fields, on channel: Channel) -> String? {
    fields.require(name)
    return fields.string(name) { text in
      if text == "*" { return nil }
      if text.utf8.contains(UInt8(ascii: "*")) { return "must be * alone or an address without *" }
      return Address.objection(to: text.trimmingSpaces, on: channel)
    }?.trimmingSpaces
  }

  private static func metadata(of fields: Fields, on channel: Channel) -> [(name: String, value: String)] {
    guard let entries = fields.object("metadata") else { return [] }
    let names = entries.names
    guard names.count <= metadataMax else {
      fields.problem("metadata", "must have at most \(metadataMax) entries")
      return []
    }
    return names.compactMap { name in
      if !name.hasCharacters(1...128) || name.hasControlCharacters {
        fields.problem("metadata", "must have names of 1 to 128 characters without control characters")
        return nil
      }
      // B-RULE-2: a call has one of these kinds, so that a rule with another would never match.
      if channel == .voice, name == "callType" { return entries.choice(name, of: CallType.self).map { (name, $0.rawValue) } }
      return entries.string(name, characters: metadataCharacters).map { (name, $0) }
    }
  }

  private enum CallType: String, CaseIterable {
    case pstn = "PSTN"
    case client = "CLIENT"
    case publicSIP = "PUBLIC_SIP"
    case sip = "SIP"
  }
}

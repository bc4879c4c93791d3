/// How conversations are captured, grouped and told of: the version of it that is current.
package struct Configuration: Identified, Sendable {
  package typealias ID = TypeID<Configuration>
  package static let idPrefix = "conv_configuration"

  package let id: ID
  /// Grows by one with each change (B-CFG-7).
  package let version: Int64
  package let createdAt: Timestamp
  package let updatedAt: Timestamp
  /// JSON text of the settings alone, as a conversation shows them too.
  package let settings: [UInt8]

  package init(id: ID, version: Int64, createdAt: Timestamp, updatedAt: Timestamp, settings: [UInt8]) {
    (self.id, self.version, self.createdAt, self.updatedAt, self.settings) = (id, version, createdAt, updatedAt, settings)
  }

  /// The configuration as the API answers it.
  package var document: [UInt8] {
    var writer = JSONWriter(capacity: settings.count + 192)
    writer.object { writer in
      writer.member("id", id.text)
      writer.member("version", version)
      writer.member("createdAt", createdAt.wholeSeconds)
      writer.member("updatedAt", updatedAt.wholeSeconds)
    }
    return writer.bytes.joined(with: settings.dropFirst().dropLast())
  }
}

/// What a new conversation takes of a configuration's current version.
package struct ConfigurationVersion: Sendable {
  package let number: Int64
  package let groupingType: GroupingType
  package let memoryStoreId: String

  package init(number: Int64, groupingType: GroupingType, memoryStoreId: String) {
    (self.number, self.groupingType, self.memoryStoreId) = (number, groupingType, memoryStoreId)
  }
}

/// The settings that a caller gives a configuration.
package struct ConfigurationDraft: Sendable {
  package static let displayNameCharacters = 1...32
  package static let descriptionCharactersMax = 512
  package static let callbacksMax = 2

  package let displayName: String
  package let description: String
  package let groupingType: GroupingType
  package let memoryStoreId: String
  package let channelSettings: [ChannelSettings]
  package let callbacks: [StatusCallback]
  package let intelligenceConfigurationIds: [String]
  package let memoryExtractionEnabled: Bool
  /// Id of a service of the older API that the configuration stands for (B-CFG-6).
  package let bridgedServiceId: String?

  package init?(_ fields: Fields, callbacks policy: CallbackPolicy) {
    fields.require("displayName")
    let displayName = fields.string("displayName") { Self.objection(toDisplayName: $0) }
    fields.require("description")
    let description = fields.string("description", characters: 0...Self.descriptionCharactersMax)
    fields.require("conversationGroupingType")
    let groupingType: GroupingType? = fields.choice("conversationGroupingType")
    fields.require("memoryStoreId")
    let memoryStoreId = fields.memoryStoreId()
    channelSettings = ChannelSettings.all(fields)
    callbacks = StatusCallback.list(fields, max: Self.callbacksMax, policy: policy) ?? []
    intelligenceConfigurationIds = fields.intelligenceConfigurationIds() ?? []
    memoryExtractionEnabled = fields.bool("memoryExtractionEnabled") ?? false
    bridgedServiceId = fields.object("conversationsV1Bridge").flatMap { bridge in
      bridge.require("serviceId")
      return bridge.string("serviceId") { SID<BridgedService>($0) == nil ? "must be IS with 32 lower-case hexadecimal digits" : nil }
    }
    guard let displayName, let description, let groupingType, let memoryStoreId else { return nil }
    (self.displayName, self.description) = (displayName, description)
    (self.groupingType, self.memoryStoreId) = (groupingType, memoryStoreId)
  }

  /// JSON text of the settings: defaults filled in, the bridge and nulls left out (B-CFG-15).
  package var settings: [UInt8] {
    var writer = JSONWriter(capacity: 512)
    writer.object { writer in
      writer.member("displayName", displayName)
      writer.member("description", description)
      writer.member("conversationGroupingType", groupingType.rawValue)
      writer.member("memoryStoreId", memoryStoreId)
      writer.name("channelSettings")
      ChannelSettings.write(channelSettings, to: &writer)
      writer.name("statusCallbacks")
      StatusCallback.write(callbacks, to: &writer)
      writer.name("intelligenceConfigurationIds")
      writer.array { writer in for id in intelligenceConfigurationIds { writer.string(id) } }
      writer.member("memoryExtractionEnabled", memoryExtractionEnabled)
      if let bridgedServiceId {
        writer.name("conversationsV1Bridge")
        writer.object { $0.member("serviceId", bridgedServiceId) }
      }
    }
    return writer.bytes
  }

  private static func objection(toDisplayName name: String) -> String? {
    guard name.hasCharacters(displayNameCharacters) else { return "must have 1 to 32 characters" }
    let allowed = name.utf8.allSatisfy { $0.isASCIIWord || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: " ") }
    return allowed ? nil : "must consist of letters, digits, spaces, - and _"
  }
}

private enum BridgedService: Identified {
  static let idPrefix = "IS"
}

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
      if let captureRules {
        writer.name("captureRules")
        writer.array { writer in for rule in captureRules { rule.write(to: &writer) } }
      }
    }
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

/// Where a conversation's events are told.
package struct StatusCallback: Sendable, Equatable {
  package enum Method: String, CaseIterable, Sendable {
    case post = "POST"
    case get = "GET"
  }

  package let url: String
  package let method: Method

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

extension Fields {
  func memoryStoreId() -> String? {
    string("memoryStoreId") { MemoryStore.isID($0) ? nil : "must be a memory store id, mem_store_… with 26 more characters" }
  }

  func intelligenceConfigurationIds() -> [String]? {
    strings("intelligenceConfigurationIds", max: 5, characters: 1...256)
  }
}

/// The little that is known of memory stores here: the form of their ids (B-CFG-2).
package enum MemoryStore {
  package static func isID(_ text: String) -> Bool {
    TypeIDForm.accepts(text, prefix: "mem_store") || TypeIDForm.accepts(text, prefix: "mem_service")
  }
}

extension UInt8 {
  /// A letter, a digit or an underscore, all ASCII.
  var isASCIIWord: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

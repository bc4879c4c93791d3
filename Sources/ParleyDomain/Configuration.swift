/// How conversations are captured, grouped and told of: the version of it that is current.
package struct Configuration: Identified, Sendable {
  package typealias ID = TypeID<Configuration>
  package static let idPrefix = "conv_configuration"

  package let id: ID
  /// Grows by one with each change (B-CFG-7).
  package let version: Int64
  package let createdAt: Timestamp
  package let updatedAt: Timestamp
  /// The settings alone, as a conversation shows them too.
  package let settings: KeptSettings

  package init(id: ID, version: Int64, createdAt: Timestamp, updatedAt: Timestamp, settings: KeptSettings) {
    (self.id, self.version, self.createdAt, self.updatedAt, self.settings) = (id, version, createdAt, updatedAt, settings)
  }

  /// The configuration as the API answers it.
  package func document() throws -> [UInt8] {
    var writer = JSONWriter(capacity: 192)
    writer.object { writer in
      writer.member("id", id.text)
      writer.member("version", version)
      writer.member("createdAt", createdAt.wholeSeconds)
      writer.member("updatedAt", updatedAt.wholeSeconds)
    }
    return try writer.bytes.joined(with: settings.shown().dropFirst().dropLast())
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
  private let captureRules: [UInt8]?

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
    captureRules = ChannelSettings.rules(of: channelSettings)
    if let captureRules, captureRules.count > KeptSettings.ruleBytesMax {
      fields.problem(
        "channelSettings",
        "must have capture rules of at most \(KeptSettings.ruleBytesMax) bytes of JSON together, but they have \(captureRules.count)")
    }
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
    fields.checkSize(ofSettings: text)
  }

  /// The settings: defaults filled in, the bridge and nulls left out (B-CFG-15).
  package var settings: KeptSettings { KeptSettings(text: text, rules: captureRules) }

  private var text: [UInt8] {
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

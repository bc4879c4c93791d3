/// Settings for one conversation, given when it is made: overrides of its configuration's, or all there is (B-CONV-3, B-CONV-4).
package struct InlineConfiguration: Sendable {
  /// Settings that a conversation keeps as they were when it was made.
  static let fixedSettings = [
    "displayName", "description", "intelligenceConfigurationIds", "conversationGroupingType", "memoryStoreId", "channelSettings",
    "memoryExtractionEnabled", "traitExtractionStrategyIds", "observationExtractionStrategyIds", "workflows", "conversationsV1Bridge",
  ]

  package let intelligenceConfigurationIds: [String]?
  package let groupingType: GroupingType?
  package let memoryStoreId: String?
  package let channelSettings: [ChannelSettings]
  package let memoryExtractionEnabled: Bool?
  package let callbacks: [StatusCallback]?
  /// JSON text of all settings of a conversation without a configuration; grouping type and store are there (B-CONV-3).
  package private(set) var whole: [UInt8] = []

  init(_ fields: Fields, callbacks policy: CallbackPolicy) {
    intelligenceConfigurationIds = fields.intelligenceConfigurationIds()
    groupingType = fields.choice("conversationGroupingType")
    memoryStoreId = fields.memoryStoreId()
    channelSettings = ChannelSettings.all(fields).compactMap(\.timeoutsAlone)
    memoryExtractionEnabled = fields.bool("memoryExtractionEnabled")
    // Checked and not kept (B-CONV-4): nothing here acts on them.
    _ = fields.strings("traitExtractionStrategyIds", max: 1, characters: 1...256)
    _ = fields.strings("observationExtractionStrategyIds", max: 1, characters: 1...256)
    callbacks = StatusCallback.list(fields, max: ConfigurationDraft.callbacksMax, policy: policy)
    _ = fields.list("workflows", max: 5) { workflow in
      workflow.require("flowId")
      return workflow.string("flowId") { Self.isFlowID($0) ? nil : "must be FW with 32 hexadecimal digits" }
    }
    whole = settings(complete: true)
    fields.checkSize(ofSettings: whole)
  }

  /// JSON text of what differs from the configuration; nil when nothing does.
  package var override: [UInt8]? {
    let text = settings(complete: false)
    return text.count > 2 ? text : nil
  }

  /// What disagrees with the configuration that the conversation names (B-CONV-4).
  package func problems(beside grouping: GroupingType, memoryStoreId store: String) -> [Problem] {
    var problems: [Problem] = []
    if let groupingType, groupingType != grouping {
      problems.append(
        Problem(path: "configuration.conversationGroupingType", message: "differs from the configuration's \(grouping.rawValue)"))
    }
    if let memoryStoreId, memoryStoreId != store {
      problems.append(Problem(path: "configuration.memoryStoreId", message: "differs from the configuration's \(store)"))
    }
    return problems
  }

  private func settings(complete: Bool) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      if complete {
        if let groupingType { writer.member("conversationGroupingType", groupingType.rawValue) }
        if let memoryStoreId { writer.member("memoryStoreId", memoryStoreId) }
      }
      if complete || !channelSettings.isEmpty {
        writer.name("channelSettings")
        ChannelSettings.write(channelSettings, to: &writer)
      }
      if complete || callbacks != nil {
        writer.name("statusCallbacks")
        StatusCallback.write(callbacks ?? [], to: &writer)
      }
      if complete || intelligenceConfigurationIds != nil {
        writer.name("intelligenceConfigurationIds")
        writer.array { writer in for id in intelligenceConfigurationIds ?? [] { writer.string(id) } }
      }
      if complete || memoryExtractionEnabled != nil { writer.member("memoryExtractionEnabled", memoryExtractionEnabled ?? false) }
    }
    return writer.bytes
  }

  private static func isFlowID(_ text: String) -> Bool {
    let digits = text.utf8.dropFirst(2)
    return text.hasPrefix("FW") && digits.count == 32 && digits.allSatisfy { $0.isASCIIWord && Character(Unicode.Scalar($0)).isHexDigit }
  }
}

/// The settings in force for one conversation: those of the configuration version it pins, and what overrides them (B-CONV-5).
package struct PinnedConfiguration: Sendable {
  /// The pinned version's settings; nil for a conversation that has none.
  package let base: KeptSettings?
  /// JSON text of the conversation's own settings.
  package let override: [UInt8]?

  package init(base: KeptSettings?, override: [UInt8]?) {
    self.base = base
    self.override = override
  }

  /// JSON text of the settings in force.
  package func settings() throws -> [UInt8] {
    guard let override else { return try base?.shown() ?? Array("{}".utf8) }
    guard let base else { return override }
    // Rules are put into their places afterwards: they are the base's alone (B-CONV-4).
    return try KeptSettings.joined(
      JSON.object(Self.merged(Self.object(base.text), with: Self.object(override))).bytes, with: base.rules)
  }

  /// The callbacks in force: the conversation's own list if it has one, else the version's.
  package func callbacks() throws -> [StatusCallback] {
    for text in [override, base?.text] {
      guard let text, let list = try Self.object(text)[Self.callbacks] else { continue }
      guard case .array(let elements) = list else { throw DamagedDocument(reason: "callbacks are no list") }
      return try elements.map { element in
        guard let url = element.object?["url"]?.string, let method = element.object?["method"]?.string.flatMap(StatusCallback.Method.init)
        else { throw DamagedDocument(reason: "a callback of another form") }
        return StatusCallback(url: url, method: method)
      }
    }
    return []
  }

  /// The same after a change of callbacks (B-CONV-24), or nil when the callbacks in force stay as they are.
  package func changed(by change: Change<[StatusCallback]>) throws -> PinnedConfiguration? {
    if case .keep = change { return nil }
    var own = try override.map(Self.object) ?? JSON.Object()
    switch change {
    case .keep: return nil
    case .set(let callbacks): own[Self.callbacks] = try Self.json(of: callbacks)
    case .clear: own[Self.callbacks] = base == nil ? .array([]) : nil
    }
    let changed = PinnedConfiguration(base: base, override: own.members.isEmpty ? nil : JSON.object(own).bytes)
    guard try Self.text(of: callbacks()) != Self.text(of: changed.callbacks()) else { return nil }
    if let text = changed.override, let objection = KeptSettings.objection(to: text) {
      throw ParleyError.invalid([Problem(path: "configuration", message: objection)])
    }
    return changed
  }

  private static let callbacks = "statusCallbacks"
  private static let channels = "channelSettings"

  /// Each member of the override replaces the base's; of a channel only its timeouts are given, and these are replaced whole.
  private static func merged(_ base: JSON.Object, with override: JSON.Object) -> JSON.Object {
    var merged = base
    for member in override.members where member.name != channels { merged[member.name] = member.value }
    guard let own = override[channels]?.object else { return merged }
    var settings = base[channels]?.object ?? JSON.Object()
    for channel in own.members {
      var setting = settings[channel.name]?.object ?? JSON.Object()
      setting["statusTimeouts"] = channel.value.object?["statusTimeouts"]
      settings[channel.name] = .object(setting)
    }
    merged[channels] = .object(settings)
    return merged
  }

  private static func object(_ text: [UInt8]) throws -> JSON.Object {
    guard let object = try JSON.parse(text).object else { throw DamagedDocument(reason: "settings are no object") }
    return object
  }

  private static func json(of callbacks: [StatusCallback]) throws -> JSON { try JSON.parse(text(of: callbacks)) }

  private static func text(of callbacks: [StatusCallback]) -> [UInt8] {
    var writer = JSONWriter()
    StatusCallback.write(callbacks, to: &writer)
    return writer.bytes
  }
}

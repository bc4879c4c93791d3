import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@testable import ParleyStorage

/// Configurations of the form in which capture rules stood among the settings, and what a write does with them (B-CFG-23).
@Suite("Capture rules apart from the settings")
struct SettingsApartTests {
  private static let url = "https://tea.example/hook"

  /// Settings with rules of about so many bytes.
  private static func more(_ bytes: Int) -> String {
    let metadata = (10..<30).map { #""\#($0)":"\#(String(repeating: "x", count: 500))""# }.joined(separator: ",")
    let rule = #"{"from":"*","to":"*","metadata":{\#(metadata)}}"#
    let rules = Array(repeating: rule, count: max(1, bytes / rule.utf8.count)).joined(separator: ",")
    return #","channelSettings":{"SMS":{"captureRules":[\#(rules)],"statusTimeouts":{"closed":5}}},"statusCallbacks":[{"url":"\#(url)"}]"#
  }

  /// A way to write to a conversation.
  enum Write: String, CaseIterable {
    case create, put, name, callbacks, drop, participant, replace
  }

  @Test(
    "a write that meets rules among the settings sets them apart first; what is answered and told is the same",
    arguments: TestDatabase.kinds,
    Write.allCases)
  func writes(kind: TestDatabase.Kind, write: Write) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(more: Self.more(100_000))
      let created = try await test.create(configuration, [participant(.agent)])
      let id: Conversation.ID = try created.id()
      let agent: Participant.ID = try #require(created.list("participants")?.first).id()
      if write == .drop { try await test.patch(id, #"{"configuration":{"statusCallbacks":[]}}"#) }
      let told = try await test.deliveries().count
      let before = try await test.fetch(id)
      let shown = try await test.engine.configurations.fetch(configuration, for: test.account).document()
      try await test.setWhole(configuration)

      // Reading changes nothing.
      #expect(try await test.fetch(id) == before)
      #expect(try await test.engine.configurations.fetch(configuration, for: test.account).document() == shown)
      #expect(try await test.form(of: configuration) == 1)

      let answer: Answer
      switch write {
      case .create: answer = try await test.create(configuration)
      case .put: answer = try await test.put(.inactive, id)
      case .name: answer = try await test.patch(id, #"{"name":"Tea"}"#)
      case .callbacks: answer = try await test.patch(id, #"{"name":"Tea","configuration":{"statusCallbacks":[]}}"#)
      case .drop: answer = try await test.patch(id, #"{"name":"Tea","configuration":{"statusCallbacks":null}}"#)
      case .participant:
        try await test.add(participant(.customer, "SMS \(Text.a)"), to: id)
        answer = try await test.fetch(id)
      case .replace:
        try await test.replace(agent, by: participant(.agent, name: "Ann"), in: id)
        answer = try await test.fetch(id)
      }
      #expect(try await test.form(of: configuration) == 2)
      #expect(try await test.engine.configurations.fetch(configuration, for: test.account).document() == shown)
      let channels = try before.object("configuration").object("channelSettings")
      #expect(try answer.object("configuration").object("channelSettings") == channels)
      // The list that was in force before a change of it is told.
      #expect(try await test.deliveries().count == told + (write == .drop ? 0 : 1))
    }
  }

  @Test("several writes at once that meet the same rules all succeed", arguments: TestDatabase.kinds)
  func together(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(more: Self.more(1))
      try await test.setWhole(configuration)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<12 { group.addTask { try await test.create(configuration) } }
        try await group.waitForAll()
      }
      #expect(try await test.deliveries().count == 12)
      #expect(try await test.form(of: configuration) == 2)
    }
  }

  @Test(
    "rules of more than 1 MiB that were kept before stay readable and usable, as do settings without any", arguments: TestDatabase.kinds)
  func large(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      for more in [Self.more(1_000_000), ""] {
        let configuration = try await test.configuration(more: more)
        // Larger than what is taken now.
        try await test.setWhole(configuration, more.isEmpty ? "" : String(repeating: "x", count: 6 << 20))
        let shown = try await test.engine.configurations.fetch(configuration, for: test.account).document()
        #expect(more.isEmpty || shown.count > 6 << 20)
        let created = try await test.create(configuration)
        #expect(try await test.form(of: configuration) == 2)
        #expect(try await test.engine.configurations.fetch(configuration, for: test.account).document() == shown)
        #expect(try await test.fetch(created.id()) == created)
        let page = try await test.engine.configurations.list(memoryStoreId: nil, PageRequest(size: 1), for: test.account)
        #expect(page.items == shown)
      }
    }
  }

  @Test("a write looks at no rule: what stands in their place may be no JSON", arguments: TestDatabase.kinds)
  func unread(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(more: Self.more(1))
      let id = try await test.conversation(configuration)
      try await test.engine.database.write(for: test.account) { tx in
        try tx.connection.send("UPDATE configuration_version SET capture_rules = 'no JSON' WHERE configuration_id = \(configuration)")
      }
      for body in [
        #"{"status":"INACTIVE"}"#, #"{"configuration":{"statusCallbacks":[{"url":"\#(Self.url)/own"}]},"status":"ACTIVE"}"#,
        #"{"name":"x"}"#,
      ] {
        let answer = try await test.engine.conversations.patch(id, by: Body(body), for: test.account)
        #expect(String(decoding: answer, as: UTF8.self).contains(#""captureRules":no JSON"#))
      }
      #expect(try await test.deliveries().count == 4)
    }
  }
}

extension TestEngine {
  fileprivate func form(of id: Configuration.ID) async throws -> Int64? {
    try await engine.database.read(for: account, .statement) { tx in
      try tx.connection.one("SELECT form FROM configuration_version WHERE configuration_id = \(id)") { $0.integer(0) }
    }
  }

  /// Keeps a configuration as it was kept before there was another form. A text of metadata may be made longer.
  fileprivate func setWhole(_ id: Configuration.ID, _ addition: String = "") async throws {
    try await engine.database.write(for: account) { tx in
      guard let settings = try tx.configuration(id)?.settings else { return }
      var shown = try settings.shown()
      if !addition.isEmpty, let place = shown.firstRange(of: Array("xxx".utf8)) {
        shown.insert(contentsOf: addition.utf8, at: place.lowerBound)
      }
      try tx.connection.send(
        "UPDATE configuration_version SET settings = \(shown), capture_rules = NULL, form = 1 WHERE configuration_id = \(id)")
    }
  }
}

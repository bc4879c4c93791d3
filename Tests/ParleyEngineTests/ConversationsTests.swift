import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@Suite struct ConversationsTests {
  @Test(
    "B-CONV-1, B-CONV-7: a new conversation is ACTIVE and shows its configuration and its participants with their ids",
    arguments: TestDatabase.kinds)
  func create(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.addresses)
      let created = try await test.create(
        configuration, [participant(.customer, "SMS \(Text.a)"), participant(.aiAgent, name: "Bot")],
        more: #","name":"Order","metadata":{"k":"v"}"#)
      #expect(created.text("status") == "ACTIVE")
      #expect(created.text("createdAt") == "2026-01-02T03:04:05Z")
      #expect(created.text("updatedAt") == created.text("createdAt"))
      #expect(created.text("configurationId") == configuration.text)
      #expect(try created.object("configuration").text("conversationGroupingType") == GroupingType.addresses.rawValue)
      #expect(try created.object("metadata").text("k") == "v")
      let participants = try #require(created.list("participants"))
      #expect(participants.map { $0.text("name") } == [Text.a, "Bot"])
      #expect(try await test.fetch(created.id()) == created)
      #expect(try await test.participants(of: created.id()) == participants)
    }
  }

  @Test("B-CONV-2: a configuration that is unknown, or another account's, is not found, and nothing is made", arguments: TestDatabase.kinds)
  func unknownConfiguration(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let unknown = try #require(Configuration.ID("conv_configuration_00000000000000000000000000"))
      let other = try await test.engine.accounts.create(name: "other").account.id
      let foreign = try await test.configuration(for: other)
      for id in [unknown, foreign] {
        await #expect(throws: ParleyError.notFound(.configuration)) { try await test.create(id, [participant(.customer, "SMS \(Text.a)")]) }
      }
      #expect(try await test.conversations().isEmpty)
    }
  }

  @Test(
    "B-CONV-3: a conversation with inline settings has no configurationId and shows those settings, capture rules left out",
    arguments: TestDatabase.kinds)
  func inlineConfiguration(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let body = """
        {"configurationId":null,"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\(Text.store)",
         "channelSettings":{"SMS":{"statusTimeouts":{"closed":9},"captureRules":[{"from":"*","to":"*"}]}}}}
        """
      let created = try await Answer(test.engine.conversations.create(Body(body), for: test.account))
      #expect(created["configurationId"] == .null)
      let configuration = try created.object("configuration")
      #expect(configuration.text("memoryStoreId") == Text.store)
      let sms = try configuration.object("channelSettings").object("SMS")
      #expect(sms["captureRules"] == nil || sms["captureRules"] == .array([]))
      #expect(try sms.object("statusTimeouts")["closed"] == .number(JSON.Number(text: "9")))
      #expect(try await test.fetch(created.id()) == created)
    }
  }

  @Test(
    "B-CONV-4: settings beside a configurationId override it for this conversation alone, a channel's timeouts as a whole",
    arguments: TestDatabase.kinds)
  func overrides(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(
        more: """
          ,"memoryExtractionEnabled":false,"intelligenceConfigurationIds":["GA1"],"statusCallbacks":[{"url":"https://hooks.example.com/a"}],
          "channelSettings":{"SMS":{"statusTimeouts":{"inactive":5,"closed":9}},"VOICE":{"statusTimeouts":{"closed":7}}}
          """)
      let changed = try await test.create(
        configuration,
        more: """
          ,"configuration":{"memoryExtractionEnabled":true,"intelligenceConfigurationIds":[],"statusCallbacks":[],
          "channelSettings":{"SMS":{"statusTimeouts":{"inactive":6}}}}
          """
      ).object("configuration")
      #expect(changed["memoryExtractionEnabled"] == .bool(true))
      #expect(changed["intelligenceConfigurationIds"] == .array([]))
      #expect(changed["statusCallbacks"] == .array([]))
      let channels = try changed.object("channelSettings")
      let timeouts = try channels.object("SMS").object("statusTimeouts")
      #expect(timeouts["inactive"] == .number(JSON.Number(text: "6")))
      #expect(timeouts["closed"] == nil || timeouts["closed"] == .null)
      #expect(try channels.object("VOICE").object("statusTimeouts")["closed"] == .number(JSON.Number(text: "7")))

      let plain = try await test.create(configuration).object("configuration")
      #expect(plain["memoryExtractionEnabled"] == .bool(false))
      #expect(plain.list("statusCallbacks")?.map { $0.text("url") } == ["https://hooks.example.com/a"])
      #expect(try plain.object("channelSettings").object("SMS").object("statusTimeouts")["closed"] == .number(JSON.Number(text: "9")))
    }
  }

  @Test(
    "B-CONV-4: a grouping type or store that differs from the configuration's is a problem with its path; the same is none",
    arguments: TestDatabase.kinds)
  func disagreement(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.addresses)
      await #expect(
        throws: ParleyError.invalid([
          Problem(
            path: "configuration.conversationGroupingType", message: "differs from the configuration's GROUP_BY_PARTICIPANT_ADDRESSES"),
          Problem(path: "configuration.memoryStoreId", message: "differs from the configuration's \(Text.store)"),
        ])
      ) {
        try await test.create(
          configuration, more: #","configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(Text.otherStore)"}"#)
      }
      try await test.create(
        configuration,
        more: #","configuration":{"conversationGroupingType":"GROUP_BY_PARTICIPANT_ADDRESSES","memoryStoreId":"\#(Text.store)"}"#)
    }
  }

  @Test("B-CONV-6: a conflict of the last of fifty participants leaves nothing of the conversation behind", arguments: TestDatabase.kinds)
  func allOrNothing(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      let holder = try await test.conversation(
        configuration, [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)")])
      let forty = (0..<48).map { participant(.unknown, "CHAT someone-\($0)") }
      await #expect(throws: ParleyError.conflict(.grouping(with: holder))) {
        try await test.create(configuration, forty + [participant(.customer, "SMS \(Text.a)"), participant(.agent, "SMS \(Text.b)")])
      }
      #expect(try await test.conversations().count == 1)
      // Nor are its keys left: the same without the conflict is taken.
      #expect(try await test.create(configuration, forty).list("participants")?.count == 48)
    }
  }

  @Test("B-CONV-22: a PUT sets the status, and keeps name and metadata that it does not name", arguments: TestDatabase.kinds)
  func put(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id: Conversation.ID = try await test.create(test.configuration(), more: #","name":"Order","metadata":{"k":"v"}"#).id()
      let paused = try await test.put(.inactive, id)
      #expect((paused.text("status"), paused.text("name")) == ("INACTIVE", "Order"))
      #expect(try paused.object("metadata").text("k") == "v")
      let renamed = try await test.put(.inactive, id, more: #","name":"","metadata":{"l":"w"}"#)
      #expect(renamed.text("name") == "")
      #expect(try renamed.object("metadata").text("k") == nil)
      #expect(try await test.fetch(id) == renamed)
    }
  }

  @Test("B-CONV-24: PATCH replaces the callbacks, [] ends them, null brings back the configuration's list", arguments: TestDatabase.kinds)
  func callbacks(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(more: #","statusCallbacks":[{"url":"https://hooks.example.com/a"}]"#)
      let id: Conversation.ID = try await test.create(
        configuration, more: #","configuration":{"memoryExtractionEnabled":true,"statusCallbacks":[{"url":"https://hooks.example.com/b"}]}"#
      ).id()
      func urls(_ answer: Answer) throws -> [String?]? {
        try answer.object("configuration").list("statusCallbacks")?.map { $0.text("url") }
      }
      func patch(_ callbacks: String) async throws -> Answer {
        try await test.patch(id, #"{"configuration":{"statusCallbacks":\#(callbacks)}}"#)
      }

      #expect(try await urls(test.fetch(id)) == ["https://hooks.example.com/b"])
      test.clock.advance(seconds: 1)
      let replaced = try await patch(#"[{"url":"https://hooks.example.com/c"},{"url":"https://hooks.example.com/d"}]"#)
      #expect(try urls(replaced) == ["https://hooks.example.com/c", "https://hooks.example.com/d"])
      #expect(replaced.text("updatedAt") == test.clock.now.wholeSeconds)
      #expect(try await urls(patch("[]")) == [])
      #expect(try await urls(test.fetch(id)) == [])
      let reset = try await patch("null")
      #expect(try urls(reset) == ["https://hooks.example.com/a"])
      // Only the callbacks were reset.
      #expect(try reset.object("configuration")["memoryExtractionEnabled"] == .bool(true))

      test.clock.advance(seconds: 60)
      #expect(try await patch("null") == reset)
      #expect(try await test.patch(id, "{}") == reset)
    }
  }

  @Test("B-CONV-24: without a configuration, null leaves no callbacks", arguments: TestDatabase.kinds)
  func callbacksOfInline(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let body = """
        {"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\(Text.store)",
         "statusCallbacks":[{"url":"https://hooks.example.com/a"}]}}
        """
      let id: Conversation.ID = try await Answer(test.engine.conversations.create(Body(body), for: test.account)).id()
      let reset = try await test.patch(id, #"{"configuration":{"statusCallbacks":null}}"#).object("configuration")
      #expect(reset["statusCallbacks"] == .array([]))
      #expect(reset.text("memoryStoreId") == Text.store)
    }
  }

  @Test("B-CONV-25: which status may follow which", arguments: Conversation.Status.allCases, TestDatabase.kinds)
  func statusTable(from: Conversation.Status, kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration()
      for (to, byPatch) in Conversation.Status.allCases.flatMap({ [($0, false), ($0, true)] }) {
        let id = try await test.conversation(configuration)
        let before = try await test.put(from, id)
        test.clock.advance(seconds: 60)
        func change() async throws -> Answer {
          byPatch ? try await test.patch(id, #"{"status":"\#(to.rawValue)"}"#) : try await test.put(to, id)
        }
        if from == .closed, to != .closed {
          await #expect(throws: ParleyError.refusedByState(.conversationClosed), "\(to)") { try await change() }
          #expect(try await test.fetch(id) == before, "\(to)")
        } else if from == to {
          #expect(try await change() == before, "\(to)")
        } else {
          let after = try await change()
          #expect(after.text("status") == to.rawValue)
          #expect(after.text("updatedAt") == test.clock.now.wholeSeconds, "\(to)")
          #expect(try await test.fetch(id) == after, "\(to)")
        }
      }
    }
  }

  @Test(
    "B-CONV-28: CLOSED is final: what changes anything is refused, what changes nothing and what reads is answered",
    arguments: TestDatabase.kinds)
  func closed(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id: Conversation.ID = try await test.create(test.configuration(), more: #","name":"Order","metadata":{"k":"v"}"#).id()
      let closed = try await test.put(.closed, id)
      test.clock.advance(seconds: 60)
      let changes = [
        #"{"name":"Other"}"#, #"{"name":null}"#, #"{"metadata":{"k":null}}"#, #"{"metadata":{"l":"w"}}"#, #"{"status":"ACTIVE"}"#,
        #"{"configuration":{"statusCallbacks":[{"url":"https://hooks.example.com/a"}]}}"#,
      ]
      for body in changes {
        await #expect(throws: ParleyError.refusedByState(.conversationClosed), "\(body)") { try await test.patch(id, body) }
      }
      await #expect(throws: ParleyError.refusedByState(.conversationClosed)) { try await test.put(.closed, id, more: #","name":"Other""#) }
      for body in [
        "{}", #"{"status":"CLOSED","name":"Order","metadata":{"k":"v","gone":null}}"#, #"{"configuration":{"statusCallbacks":null}}"#,
      ] {
        #expect(try await test.patch(id, body) == closed, "\(body)")
      }
      #expect(try await test.put(.closed, id, more: #","name":"Order""#) == closed)
      #expect(try await test.fetch(id) == closed)
      #expect(try await test.conversations(ConversationFilter(statuses: [.closed])).map { $0.text("id") } == [id.text])
    }
  }

  @Test(
    "B-TIME-3: a change moves updatedAt, a write that changes nothing does not, a clock set back never moves it back",
    arguments: TestDatabase.kinds)
  func updatedAt(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id: Conversation.ID = try await test.create(test.configuration(), more: #","name":"Order","metadata":{"k":"v"}"#).id()
      var expected = test.clock.now
      for (body, isChange) in [
        ("{}", false), (#"{"name":"Order"}"#, false), (#"{"name":"Other"}"#, true), (#"{"metadata":{"k":"v"}}"#, false),
        (#"{"metadata":{"k":"w"}}"#, true), (#"{"metadata":{"k":null}}"#, true), (#"{"status":"ACTIVE"}"#, false),
        (#"{"status":"INACTIVE"}"#, true),
      ] {
        test.clock.advance(seconds: 10)
        if isChange { expected = test.clock.now }
        #expect(try await test.patch(id, body).text("updatedAt") == expected.wholeSeconds, "\(body)")
      }
      test.clock.advance(seconds: -3600)
      #expect(try await test.patch(id, #"{"name":"Third"}"#).text("updatedAt") == expected.wholeSeconds)
    }
  }

  @Test("B-AUTH-4: another account's conversation is not there", arguments: TestDatabase.kinds)
  func otherAccount(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id = try await test.conversation(test.configuration())
      let other = try await test.engine.accounts.create(name: "other").account.id
      let conversations = test.engine.conversations
      await #expect(throws: ParleyError.notFound(.conversation)) { try await conversations.fetch(id, for: other) }
      await #expect(throws: ParleyError.notFound(.conversation)) { try await conversations.update(id, by: Body("{}"), for: other) }
      await #expect(throws: ParleyError.notFound(.conversation)) { try await conversations.patch(id, by: Body("{}"), for: other) }
      #expect(try await conversations.list(ConversationFilter(), PageRequest(), for: other).count == 0)
    }
  }

  @Test(
    "B-ERR-8: of a create, the body's problems come before a missing configuration, that before limits, these before conflicts",
    arguments: TestDatabase.kinds)
  func precedence(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.addresses)
      let unknown = try #require(Configuration.ID("conv_configuration_00000000000000000000000000"))
      await #expect(throws: ParleyError.invalid([Problem(path: "name", message: "must be a string")])) {
        try await test.create(unknown, more: #","name":1"#)
      }
      func list(_ name: String) -> [String] { (0..<50).map { "CHAT \(name)-\($0)" } }
      let pairs = [participant(.customer, list("customer")), participant(.agent, list("one"))]
      try await test.create(configuration, pairs)
      let more = [participant(.agent, list("two")), participant(.agent, list("three"))]
      await #expect(throws: ParleyError.notFound(.configuration)) { try await test.create(unknown, pairs + more) }
      await #expect(throws: ParleyError.refusedByState(.groupingKeysFull)) { try await test.create(configuration, pairs + more) }
    }
  }
}

import ParleyDomain
import ParleyTesting
import Testing

@Suite("Deliveries over HTTP, as exchanges")
struct DeliveryHandlerTests {
  private static let missing = "/parley/v1/Deliveries/parley_delivery_00000000000000000000000009"

  @Test("a delivery is fetched with its event and with what came of each attempt")
  func fetch() async throws {
    try await Talk.recorded("delivery-fetch") { talk in
      let server = talk.server
      let conversation = try await server.conversation(of: server.configuration(calling: TestServer.hook))
      _ = try await server.participant("+14155550100", in: conversation)
      let ids = try await server.deliveries()
      let target = "/parley/v1/Deliveries/\(ids[1])"
      try await talk.say("A participant's event", "GET", "/parley/v1/Deliveries/\(ids[0])")
      try await talk.say("The conversation's, before its first attempt", "GET", target)
      try await server.answered(ids[1], 503, #"{"busy":true}"#, state: .pending)
      try await talk.say("After one that is to be followed by another", "GET", target)
      server.clock.advance(milliseconds: 1500)
      try await server.answered(ids[1], 200, state: .delivered)
      try await talk.say("It has arrived", "GET", target)
      try await server.giveUp(TestServer.hook)
      try await talk.say("The other was given up", "GET", "/parley/v1/Deliveries/\(ids[0])")
      try await talk.say("No such delivery", "GET", Self.missing)
      try await talk.say("No id of a delivery", "GET", "/parley/v1/Deliveries/\(conversation)")
    }
  }

  @Test("deliveries are listed newest first, by pages, and narrowed by filters")
  func list() async throws {
    try await Talk.recorded("delivery-list") { talk in
      let server = talk.server
      let target = "/parley/v1/Deliveries"
      try await talk.say("An empty list", "GET", target)
      let first = try await server.conversation(of: server.configuration(calling: TestServer.hook))
      server.clock.advance(seconds: 60)
      let second = try await server.conversation(of: server.configuration(calling: TestServer.hook, TestServer.otherHook))
      try await server.close(second)
      let ids = try await server.deliveries()
      try await server.answered(ids[4], 200, state: .delivered)
      try await server.giveUp(TestServer.otherHook)

      let one = try await talk.say("The first page of three", "GET", "\(target)?pageSize=3")
      let two = try await talk.say("The next", "GET", "\(target)?pageSize=3&pageToken=\(one.string("meta.nextToken"))")
      try await talk.say("Back", "GET", "\(target)?pageSize=3&pageToken=\(two.string("meta.previousToken"))")
      try await talk.say("Of a conversation", "GET", "\(target)?conversationId=\(first)")
      try await talk.say("Of a URL", "GET", "\(target)?url=https%3A%2F%2Fhooks.example.org%2Fevents")
      try await talk.say("Of a type of event", "GET", "\(target)?eventType=CONVERSATION_UPDATED,PARTICIPANT_ADDED")
      try await talk.say("In two states", "GET", "\(target)?state=FAILED&state=DELIVERED&eventType=CONVERSATION_CREATED")
      try await talk.say("In one state", "GET", "\(target)?state=DELIVERED")
      try await talk.say("From an instant on", "GET", "\(target)?createdAfter=2026-01-02T03:05:05Z&pageSize=1&state=PENDING")
      try await talk.say("Before it, with an offset", "GET", "\(target)?createdBefore=2026-01-02T04:05:05%2B01:00")
      try await talk.say("Of no conversation that there is", "GET", "\(target)?conversationId=conv_conversation_00000000000000000000000009")
      try await talk.say(
        "All that is wrong is said", "GET",
        "\(target)?conversationId=CH1&url=&eventType=NEWS&state=LOST&createdAfter=today&createdBefore=2026-13-01T00:00:00Z&pageSize=0")
      let other = try await server.send("GET", "\(target)?state=PENDING,DELIVERED&pageSize=1").string("meta.nextToken")
      #expect(try await server.send("GET", "\(target)?state=DELIVERED&state=PENDING&pageSize=1&pageToken=\(other)").status == 200)
      try await talk.say("A token's filters hold, whatever the query's are", "GET", "\(target)?state=LOST&pageSize=1&pageToken=\(other)")
    }
  }

  @Test("a delivery that was given up is sent again; no other is")
  func resend() async throws {
    try await Talk.recorded("delivery-resend") { talk in
      let server = talk.server
      _ = try await server.conversation(of: server.configuration(calling: TestServer.hook))
      let id = try await server.deliveries()[0]
      let target = "/parley/v1/Deliveries/\(id)/Resend"
      try await talk.say("It waits for its first attempt", "POST", target)
      try await server.giveUp(TestServer.hook)
      let failed = try await server.send("GET", "/parley/v1/Deliveries/\(id)")
      server.clock.advance(seconds: 10)
      let resent = try await talk.say("It was given up", "POST", target)
      #expect(try resent.string("idempotencyToken") == failed.string("idempotencyToken"))
      #expect(try resent.string("requestId") == failed.string("requestId"))
      try await talk.say("It waits again", "POST", target, "{}")
      try await server.answered(id, 204, state: .delivered)
      try await talk.say("It has arrived; what the body says is ignored", "POST", target, "[")
      try await talk.say("No such delivery", "POST", "\(Self.missing)/Resend")
    }
  }

  @Test("all deliveries to a URL that were given up are sent again")
  func resendFailed() async throws {
    try await Talk.recorded("delivery-resend-failed") { talk in
      let server = talk.server
      let target = "/parley/v1/Deliveries/Resend"
      for _ in 1...3 {
        _ = try await server.conversation(of: server.configuration(calling: TestServer.hook, TestServer.otherHook))
        server.clock.advance(seconds: 60)
      }
      try await talk.say("Nothing was given up", "POST", target, #"{"url":"\#(TestServer.hook)"}"#)
      try await server.giveUp(TestServer.hook)
      try await server.giveUp(TestServer.otherHook)
      try await talk.say(
        "Those of a minute", "POST", target,
        #"{"url":"\#(TestServer.hook)","createdAfter":"2026-01-02T03:05:05Z","createdBefore":"2026-01-02T03:06:05Z"}"#)
      try await talk.say("The others; null is left out", "POST", target, #"{"url":"\#(TestServer.hook)","createdAfter":null}"#)
      try await talk.say("The other URL's still stand there", "GET", "/parley/v1/Deliveries?state=FAILED&pageSize=1")
      try await talk.say("Without a URL", "POST", target, #"{"createdAfter":"2026-01-02","createdBefore":0}"#)
      try await talk.say("No body", "POST", target)
      try await talk.say("The path is no delivery's", "GET", target)
    }
  }
}

extension TestServer {
  static let hook = "https://hooks.example.com/events"
  static let otherHook = "https://hooks.example.org/events"

  /// Makes a configuration whose conversations tell these URLs of their events, and answers its id.
  func configuration(calling urls: String..., as caller: Caller? = nil) async throws -> String {
    let callbacks = urls.map { #"{"url":"\#($0)"}"# }.joined(separator: ",")
    let body = #"""
      {"displayName":"Support","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(Self.store)",
       "statusCallbacks":[\#(callbacks)]}
      """#
    let answer = try await send(WireRequest("POST", "/v2/ControlPlane/Configurations", body), as: caller ?? self.caller)
    return try answer.string("related.configurationId")
  }

  /// Ids of all deliveries, newest first.
  func deliveries(as caller: Caller? = nil) async throws -> [String] {
    let answer = try await send(WireRequest("GET", "/parley/v1/Deliveries?pageSize=1000"), as: caller ?? self.caller)
    guard case .array(let items) = try answer.value("deliveries") else { return [] }
    return items.compactMap { $0.object?["id"]?.string }
  }

  /// Notes what a delivery was answered, as the loop does.
  func answered(_ id: String, _ status: Int64, _ reply: String = "", state: Delivery.State) async throws {
    try await engine.answered(#require(Delivery.ID(id)), status, reply, state: state, for: caller.account)
  }

  /// Gives up what waits for a URL.
  func giveUp(_ url: String) async throws { try await engine.giveUp(url, for: caller.account) }
}

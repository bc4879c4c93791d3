import HTTPTypes
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("B-AUTH-4: accounts see nothing of each other")
struct TenancyTests {
  /// Bodies that do something where there is something to do it to.
  private static let bodies = [
    "PUT /v2/Conversations/{Sid}": #"{"status":"CLOSED"}"#,
    "PATCH /v2/Conversations/{Sid}": #"{"name":"mine"}"#,
    "POST /v2/Conversations/{ConversationSid}/Participants": #"{"addresses":[]}"#,
    "PUT /v2/Conversations/{ConversationSid}/Participants/{Sid}": #"{"name":"mine"}"#,
    "POST /parley/v1/Deliveries/{Sid}/Resend": "{}",
    "PUT /parley/v1/Listeners/{Sid}": #"{"expiresInSeconds":10}"#,
  ]

  @Test("every route with another account's ids answers exactly as with ids that never were")
  func routes() async throws {
    try await TestServer.with(accounts: 2) { server in
      let (owner, stranger) = (server.callers[0], server.callers[1])
      let body = #"""
        {"displayName":"a","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)",
         "statusCallbacks":[{"url":"\#(TestServer.hook)"}]}
        """#
      let accepted = try await server.send(WireRequest("POST", "/v2/ControlPlane/Configurations", body), as: owner)
      let configuration = try accepted.string("related.configurationId")
      let conversation = try await server.conversation(of: configuration)
      let participant = try await server.participant("+14155550100", in: conversation)
      try await server.giveUp(TestServer.hook)
      let delivery = try await server.deliveries()[0]
      let url = #"{"url":"\#(TestServer.hook)"}"#
      let pause = try await server.send("POST", "/parley/v1/Pauses", url).string("id")
      let listener = try await server.send("POST", "/parley/v1/Listeners", url).string("id")
      let own = try await server.conversation(as: stranger)
      /// For each template its parameters with the owner's ids, and with ids of the same form that never were.
      func targets(_ template: String) -> [(theirs: String, nobodys: String)] {
        let theirs = [
          "Configurations/{Sid}": configuration, "Operations/{Sid}": accepted["Operation-Id"] ?? "", "Conversations/{Sid}": conversation,
          "Participants/{Sid}": participant, "Conversations/{ConversationSid}": conversation, "Deliveries/{Sid}": delivery,
          "Pauses/{Sid}": pause, "Listeners/{Sid}": listener,
        ]
        func filled(_ id: (String) -> String) -> String {
          theirs.reduce(template) { path, part in
            path.replacing(part.key, with: "\(part.key.prefix { $0 != "/" })/\(id(part.value))")
          }
        }
        let nobodys = { (id: String) in String(id.dropLast(26)) + "7zzzzzzzzzzzzzzzzzzzzzzzzz" }
        let all = [(filled { $0 }, filled(nobodys))]
        // The participant of another account, in a conversation of one's own.
        guard template.contains("{ConversationSid}/Participants/{Sid}") else { return all }
        let mixed = "/v2/Conversations/\(own)/Participants"
        return all + [("\(mixed)/\(participant)", "\(mixed)/\(nobodys(participant))")]
      }

      var tried = 0
      for route in server.api.routes() where route.template.contains("{") {
        let body = Self.bodies["\(route.method) \(route.template)"]
        #expect((body != nil) == route.takesBody, "\(route.method) \(route.template) has no body here")
        for target in targets(route.template) {
          let theirs = try await server.send(WireRequest(route.method.rawValue, target.theirs, body), as: stranger)
          let nobodys = try await server.send(WireRequest(route.method.rawValue, target.nobodys, body), as: stranger)
          #expect(theirs.status == 404)
          #expect(Exchange("", WireRequest("", ""), theirs).text == Exchange("", WireRequest("", ""), nobodys).text)
          tried += 1
        }
      }
      #expect(tried == 18)

      let untouched = try await server.send(WireRequest("GET", "/v2/Conversations/\(conversation)"), as: owner)
      #expect(try untouched.string("status") == "ACTIVE")
      #expect(try untouched.value("name") == .null)
      #expect(try untouched.string("participants[0].name") == "+14155550100")
      #expect(try untouched.value("participants[1]") == nil)
      #expect(try await server.send("GET", "/parley/v1/Deliveries/\(delivery)").string("state") == "FAILED")
      #expect(try await server.send("GET", "/parley/v1/Pauses/\(pause)").status == 200)
      #expect(try await server.send("GET", "/parley/v1/Listeners/\(listener)").string("expiresAt") == "2026-01-02T03:05:05Z")
    }
  }

  @Test("lists and filters show nothing of another account, and its page tokens are none")
  func lists() async throws {
    try await TestServer.with(accounts: 2) { server in
      let (owner, stranger) = (server.callers[0], server.callers[1])
      let call = #"[{"addresses":[{"channel":"VOICE","address":"+14155550100","channelId":"CA1"}]}]"#
      let configuration = try await server.configuration()
      let first = try await server.conversation(of: configuration, participants: call)
      _ = try await server.conversation(of: server.configuration(calling: TestServer.hook, TestServer.hook))
      for url in [TestServer.hook, TestServer.otherHook] {
        for list in ["Pauses", "Listeners"] { _ = try await server.send("POST", "/parley/v1/\(list)", #"{"url":"\#(url)"}"#) }
      }
      for target in [
        "/v2/Conversations", "/v2/Conversations?status=ACTIVE", "/v2/Conversations?channelId=CA1", "/v2/ControlPlane/Configurations",
        "/v2/ControlPlane/Configurations?memoryStoreId=\(TestServer.store)", "/parley/v1/Deliveries",
        "/parley/v1/Deliveries?conversationId=\(first)", "/parley/v1/Deliveries?url=https://hooks.example.com/events&state=PENDING",
        "/parley/v1/Pauses", "/parley/v1/Listeners",
      ] {
        let answer = try await server.send(WireRequest("GET", target), as: stranger)
        #expect(answer.status == 200)
        #expect(try answer.value("meta.pageSize") == .number(.init(text: "0")))
        let name = target.contains("?") ? "\(target)&pageSize=1" : "\(target)?pageSize=1"
        let page = try await server.send(WireRequest("GET", name), as: owner)
        guard let token = try page.value("meta.nextToken")?.string else { continue }
        #expect(try await server.send(WireRequest("GET", "\(name)&pageToken=\(token)"), as: owner).status == 200)
        #expect(try await server.send(WireRequest("GET", "\(name)&pageToken=\(token)"), as: stranger).status == 400)
      }
    }
  }

  @Test("a pause holds, a listener hears and resending reaches nothing of another account")
  func callbacks() async throws {
    try await TestServer.with(accounts: 2) { server in
      let (owner, stranger) = (server.callers[0], server.callers[1])
      _ = try await server.conversation(of: server.configuration(calling: TestServer.hook))
      try await server.giveUp(TestServer.hook)
      let url = #"{"url":"\#(TestServer.hook)"}"#
      for target in ["Pauses", "Listeners"] {
        #expect(try await server.send(WireRequest("POST", "/parley/v1/\(target)", url), as: stranger).status == 201)
      }
      let resent = try await server.send(WireRequest("POST", "/parley/v1/Deliveries/Resend", url), as: stranger)
      #expect(try resent.value("resent") == .number(.init(text: "0")))
      _ = try await server.conversation()
      #expect(try await server.deliveries(as: stranger).isEmpty)
      let listed = try await server.send(WireRequest("GET", "/parley/v1/Deliveries"), as: owner)
      #expect(try listed.value("deliveries[0].paused") == .bool(false))
      #expect(try listed.string("deliveries[0].state") == "FAILED")
      #expect(try listed.value("deliveries[1]") == nil)
    }
  }

  @Test("B-GROUP-3, B-CONV-2, B-IDEM-2: another account's configuration, pairs of addresses and keys are in nobody's way")
  func writes() async throws {
    try await TestServer.with(accounts: 2) { server in
      let (owner, stranger) = (server.callers[0], server.callers[1])
      let configuration = try await server.configuration()
      let named = try await server.send(WireRequest("POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)"}"#), as: stranger)
      #expect(named.status == 404)

      let inline = #"""
        {"configuration":{"conversationGroupingType":"GROUP_BY_PARTICIPANT_ADDRESSES","memoryStoreId":"\#(TestServer.store)"},
         "participants":[{"type":"CUSTOMER","addresses":[{"channel":"SMS","address":"+14155550100"}]}]}
        """#
      let bridged = #"""
        {"displayName":"a","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)",
         "conversationsV1Bridge":{"serviceId":"IS0123456789abcdef0123456789abcdef"}}
        """#
      let key = ("Idempotency-Key", "5f0c9a52-7f43-4c1e-9a9e-2d1b8a6c4e10")
      var operations: [String?] = []
      for caller in [owner, stranger] {
        #expect(try await server.send(WireRequest("POST", "/v2/Conversations", inline), as: caller).status == 201)
        let made = try await server.send(WireRequest("POST", "/v2/ControlPlane/Configurations", bridged, headers: [key]), as: caller)
        #expect(made.status == 202)
        operations.append(made["Operation-Id"])
      }
      #expect(Set(operations).count == 2)
    }
  }
}

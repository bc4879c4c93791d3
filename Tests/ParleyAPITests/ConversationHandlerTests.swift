import ParleyTesting
import Testing

@Suite("Conversations over HTTP, as exchanges")
struct ConversationHandlerTests {
  private static let missing = "/v2/Conversations/conv_conversation_00000000000000000000000009"

  @Test("B-CONV-1…10: conversations are made with a configuration, with settings of their own, and with participants")
  func create() async throws {
    try await Talk.recorded("conversation-create") { talk in
      let configuration = try await talk.server.configuration()
      try await talk.say("With no more than a configuration", "POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)"}"#)
      try await talk.say(
        "B-CONV-4, 7: with all that it can have", "POST", "/v2/Conversations",
        #"""
        {"configurationId":"\#(configuration)","name":"Order 7","metadata":{"order":"7","none":null},
         "configuration":{"statusCallbacks":[{"url":"https://example.org/events","method":"GET"}],"memoryExtractionEnabled":true,
          "channelSettings":{"SMS":{"statusTimeouts":{"inactive":5,"closed":10}}},"intelligenceConfigurationIds":["GA1"]},
         "participants":[{"type":"CUSTOMER","addresses":[{"channel":"SMS","address":"+14155550100"}]},{"type":"AI_AGENT","name":"Bot",
          "addresses":[{"channel":"SMS","address":"+14155550111"}]},{}]}
        """#)
      try await talk.say(
        "B-CONV-3: without a configuration, by its own settings", "POST", "/v2/Conversations",
        #"""
        {"configurationId":null,"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)",
         "channelSettings":{"CHAT":{"captureRules":[{"from":"*","to":"*"}]}}}}
        """#)
    }
  }

  @Test("B-CONV-2, 3, 6, 10, 11, B-GROUP-1, 2, B-PART-6, 7: what a new conversation is refused for, and that nothing is left of it")
  func createRefused() async throws {
    try await Talk.recorded("conversation-create-refused") { talk in
      let server = talk.server
      let configuration = try await server.configuration()
      let pair = #"""
        {"type":"CUSTOMER","addresses":[{"channel":"SMS","address":"+14155550100"}]},
        {"type":"AGENT","addresses":[{"channel":"SMS","address":"+14155550111"}]}
        """#
      try await talk.say("Neither a configuration nor settings", "POST", "/v2/Conversations", "{}")
      try await talk.say("No body", WireRequest("POST", "/v2/Conversations", body: nil), as: server.caller)
      try await talk.say("A configuration's id that is none", "POST", "/v2/Conversations", #"{"configurationId":"cfg_1"}"#)
      try await talk.say(
        "B-CONV-2: a configuration that is not there", "POST", "/v2/Conversations",
        #"{"configurationId":"conv_configuration_00000000000000000000000009"}"#)
      try await talk.say(
        "B-CONV-4: settings that differ from the configuration's", "POST", "/v2/Conversations",
        #"""
        {"configurationId":"\#(configuration)","configuration":{"conversationGroupingType":"GROUP_BY_PROFILE",
         "memoryStoreId":"mem_store_00000000000000000000000002"}}
        """#)
      try await talk.say(
        "Wrong fields everywhere, and an action", "POST", "/v2/Conversations",
        #"""
        {"configurationId":"\#(configuration)","name":1,"metadata":{"a b":"1","c":2},"action":{},
         "configuration":{"statusCallbacks":[{"url":"http://localhost/"}],"channelSettings":{"FAX":{}}},
         "participants":[{"type":"X"},{"addresses":[{"channel":"SMS","address":"+14155550100"}]},
          {"addresses":[{"channel":"SMS","address":"+14155550100"}]}]}
        """#)
      let answer = try await server.send("POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)","participants":[\#(pair)]}"#)
      #expect(answer.status == 201)
      try await talk.say(
        "B-GROUP-1, 2: an open conversation has this pair", "POST", "/v2/Conversations",
        #"{"configurationId":"\#(configuration)","participants":[{"type":"UNKNOWN","addresses":[]},\#(pair)]}"#)
      try await talk.say("The list has the first alone", "GET", "/v2/Conversations")

      let crowd = Array(repeating: "{}", count: 51).joined(separator: ",")
      try await talk.say(
        "B-CONV-6: more than 50 participants", "POST", "/v2/Conversations",
        #"{"configurationId":"\#(configuration)","participants":[\#(crowd)]}"#)
    }
  }

  @Test("B-CONV-20, B-PAGE-2…5, B-PAGE-8, B-PAGE-10: conversations are fetched whole, and listed by filters without what belongs to them")
  func fetch() async throws {
    try await Talk.recorded("conversation-fetch") { talk in
      let server = talk.server
      let configuration = try await server.configuration()
      try await talk.say("An empty list", "GET", "/v2/Conversations")
      let call = #"[{"addresses":[{"channel":"VOICE","address":"+14155550100","channelId":"CA1"}]}]"#
      let first = try await server.conversation(of: configuration, participants: call)
      let second = try await server.conversation(of: configuration)
      let third = try await server.conversation(of: configuration)
      try await server.close(second)
      try await talk.say("One, with its participants and its settings", "GET", "/v2/Conversations/\(first)")
      let page = try await talk.say("The newest", "GET", "/v2/Conversations?pageSize=1&status=ACTIVE,INACTIVE")
      let next = try page.string("meta.nextToken")
      try await talk.say(
        "The next one, by the SDK's names and with the filter in another order", "GET",
        "/v2/Conversations?PageSize=1&Page=1&PageToken=\(next)&Status=INACTIVE&Status=ACTIVE")
      try await talk.say("The token's filter holds, whatever the query's is", "GET", "/v2/Conversations?pageToken=\(next)&status=CLOSED")
      try await talk.say("By channelId", "GET", "/v2/Conversations?channelId=CA1&status=ACTIVE")
      try await talk.say("By a channelId that nothing has", "GET", "/v2/Conversations?channelId=CA2")
      try await talk.say("Filters that are none", "GET", "/v2/Conversations?status=OPEN&channelId=&pageSize=1001")
      try await talk.say("No such conversation", "GET", Self.missing)
      try await talk.say("No id", "GET", "/v2/Conversations/\(third)0")
    }
  }

  @Test("B-CONV-22, 25, 28: a PUT sets the status, and name and metadata if they are given")
  func update() async throws {
    try await Talk.recorded("conversation-update") { talk in
      let server = talk.server
      let target = "/v2/Conversations/\(try await server.conversation())"
      server.clock.advance(seconds: 10)
      try await talk.say("Paused, named and noted", "PUT", target, #"{"status":"INACTIVE","name":"Order 7","metadata":{"order":"7"}}"#)
      server.clock.advance(seconds: 10)
      try await talk.say("The same status: nothing changes", "PUT", target, #"{"status":"INACTIVE"}"#)
      try await talk.say(
        "Active again; name and metadata are kept, the rest is not looked at", "PUT", target,
        #"{"status":"ACTIVE","participants":7,"configuration":"x"}"#)
      try await talk.say("Other metadata, whole", "PUT", target, #"{"status":"ACTIVE","metadata":{}}"#)
      try await talk.say("Without status", "PUT", target, #"{"name":"Order 8"}"#)
      try await talk.say("A status that is none", "PUT", target, #"{"status":"OPEN"}"#)
      try await talk.say("No such conversation", "PUT", Self.missing, #"{"status":"CLOSED"}"#)
      server.clock.advance(seconds: 10)
      try await talk.say("CLOSED", "PUT", target, #"{"status":"CLOSED"}"#)
      try await talk.say("CLOSED again: nothing changes", "PUT", target, #"{"status":"CLOSED"}"#)
      try await talk.say("CLOSED is final", "PUT", target, #"{"status":"ACTIVE"}"#)
      try await talk.say("CLOSED has no other name", "PUT", target, #"{"status":"CLOSED","name":"Order 8"}"#)
    }
  }

  @Test("B-CONV-23, 24: a PATCH changes what is there; null clears a name, an entry of metadata, or the conversation's own callbacks")
  func patch() async throws {
    try await Talk.recorded("conversation-patch") { talk in
      let server = talk.server
      let made = try await server.send(
        "POST", "/v2/ControlPlane/Configurations",
        #"""
        {"displayName":"Support","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)",
         "statusCallbacks":[{"url":"https://example.org/all"}]}
        """#)
      let target = "/v2/Conversations/\(try await server.conversation(of: made.string("related.configurationId")))"
      server.clock.advance(seconds: 10)
      try await talk.say("Nothing", "PATCH", target, "{}")
      try await talk.say(
        "A name, a status, entries of metadata", "PATCH", target, #"{"name":"Order 7","status":"INACTIVE","metadata":{"a":"1","b":"2"}}"#)
      try await talk.say("One entry more, one less, no name", "PATCH", target, #"{"name":null,"metadata":{"a":null,"c":"3"}}"#)
      server.clock.advance(seconds: 10)
      try await talk.say(
        "Callbacks of its own", "PATCH", target,
        #"{"configuration":{"statusCallbacks":[{"url":"https://example.org/one","method":"GET"}],"colour":"red"}}"#)
      server.clock.advance(seconds: 10)
      try await talk.say("No callbacks", "PATCH", target, #"{"configuration":{"statusCallbacks":[]}}"#)
      server.clock.advance(seconds: 10)
      try await talk.say("The configuration's callbacks again", "PATCH", target, #"{"configuration":{"statusCallbacks":null}}"#)
      server.clock.advance(seconds: 10)
      try await talk.say("And again: nothing changes", "PATCH", target, #"{"configuration":{"statusCallbacks":null}}"#)
      try await talk.say(
        "Another setting, and wrong fields", "PATCH", target,
        #"{"name":1,"status":"X","configuration":{"memoryStoreId":"\#(TestServer.store)","statusCallbacks":[{}]},"metadata":{"d":4}}"#)
      try await talk.say(
        "B-CONV-10: more than 8 entries in the end", "PATCH", target,
        #"{"metadata":{"1":"","2":"","3":"","4":"","5":"","6":"","7":""}}"#)
      try await talk.say("No such conversation", "PATCH", Self.missing, "{}")
      try await talk.say("CLOSED", "PATCH", target, #"{"status":"CLOSED"}"#)
      try await talk.say("CLOSED and nothing asked", "PATCH", target, "{}")
      try await talk.say("CLOSED is final", "PATCH", target, #"{"metadata":{"a":"2"}}"#)
    }
  }

  @Test("B-CONV-24: null drops the callbacks that were given when the conversation was made, too; without a configuration none are left")
  func dropCallbacks() async throws {
    try await Talk.recorded("conversation-drop-callbacks") { talk in
      let server = talk.server
      let own = #""statusCallbacks":[{"url":"https://example.org/own"}]"#
      let null = #"{"configuration":{"statusCallbacks":null}}"#
      let named = try await talk.say(
        "With a configuration", "POST", "/v2/Conversations",
        #"{"configurationId":"\#(try await server.configuration())","configuration":{"memoryExtractionEnabled":true,\#(own)}}"#)
      try await talk.say(
        "The configuration's list holds, the other override stays", "PATCH", "/v2/Conversations/\(named.string("id"))", null)
      let inline = try await talk.say(
        "Without one", "POST", "/v2/Conversations",
        #"{"configuration":{"conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(TestServer.store)",\#(own)}}"#)
      try await talk.say("An empty list", "PATCH", "/v2/Conversations/\(inline.string("id"))", null)
    }
  }
}

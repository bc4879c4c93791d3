import ParleyTesting
import Testing

@Suite("Participants over HTTP, as exchanges")
struct ParticipantHandlerTests {
  @Test("B-PART-1…4: participants of every type and on every channel are made, and answered whole")
  func create() async throws {
    try await Talk.recorded("participant-create") { talk in
      let conversation = try await talk.server.conversation()
      let target = "/v2/Conversations/\(conversation)/Participants"
      try await talk.say(
        "A customer by SMS, with a profile", "POST", target,
        """
        {"type":"CUSTOMER","name":"Ada","profileId":"mem_profile_00000000000000000000000007",
         "addresses":[{"channel":"SMS","address":"+14155550100"}]}
        """)
      talk.server.clock.advance(seconds: 61)
      try await talk.say(
        "A human agent by voice: the name is the address", "POST", target,
        #"{"type":"HUMAN_AGENT","addresses":[{"channel":"VOICE","address":"client:ada","channelId":"CA0123"}]}"#)
      try await talk.say(
        "An AI agent by WhatsApp, prefix and spelling kept, outer spaces not", "POST", target,
        #"{"type":"AI_AGENT","name":"","addresses":[{"channel":"WHATSAPP","address":" WhatsApp:+14155550101 "}]}"#)
      try await talk.say(
        "An agent by RCS and CHAT", "POST", target,
        #"""
        {"type":"AGENT","name":"Desk","addresses":[{"channel":"RCS","address":"rcs:brand_agent"},
         {"channel":"CHAT","address":"desk 1","channelId":"CH1"},{"channel":"CHAT","address":"desk 1","channelId":"CH2"}]}
        """#)
      try await talk.say(
        "Unknown by VIDEO and EMAIL, read-only and unknown fields ignored, null left out", "POST", target,
        #"""
        {"type":"UNKNOWN","id":"mine","createdAt":7,"colour":"red","name":null,"profileId":null,
         "addresses":[{"channel":"VIDEO","address":"room-7"},{"channel":"EMAIL","address":"Ada@Example.com","channelId":null}]}
        """#)
      try await talk.say("Of no type and without addresses: UNKNOWN, and so is the name", "POST", target, #"{"addresses":[]}"#)
    }
  }

  @Test("B-PART-5, B-GROUP-7, B-PART-7, B-CONV-28, B-ERR-7: what a new participant is refused for")
  func refused() async throws {
    try await Talk.recorded("participant-create-refused") { talk in
      let server = talk.server
      let configuration = try await server.configuration()
      let conversation = try await server.conversation(of: configuration)
      let target = "/v2/Conversations/\(conversation)/Participants"
      try await talk.say(
        "No conversation of that id", "POST", "/v2/Conversations/conv_conversation_00000000000000000000000009/Participants",
        #"{"addresses":[]}"#)
      try await talk.say("No id at all", "POST", "/v2/Conversations/CH123/Participants", #"{"addresses":[]}"#)
      try await talk.say("No body", WireRequest("POST", target, body: nil), as: server.caller)
      try await talk.say("No JSON", "POST", target, #"{"addresses":["#)
      try await talk.say("No object", "POST", target, "[]")
      try await talk.say("A member twice", "POST", target, #"{"addresses":[],"name":"a","name":"b"}"#)
      try await talk.say("Without addresses", "POST", target, #"{"name":"Ada"}"#)
      try await talk.say(
        "All that is wrong is said, in the order of the contract", "POST", target,
        #"""
        {"name":7,"type":"BOSS","profileId":"someone","addresses":[{"channel":"SMS"},{"channel":"FAX","address":"1"},"x",null,
         {"channel":"SMS","address":"+1 (555) 010-0001"},{"channel":"VOICE","address":"client:"},
         {"channel":"EMAIL","address":"a@b","channelId":""}]}
        """#)
      try await talk.say(
        "B-PART-6: one address twice in one request", "POST", target,
        #"{"addresses":[{"channel":"RCS","address":"+14155550100"},{"channel":"RCS","address":"rcs:+14155550100"}]}"#)

      _ = try await server.participant("+14155550100", in: conversation)
      try await talk.say(
        "B-PART-5: the address is another's", "POST", target, #"{"addresses":[{"channel":"SMS","address":"+14155550100"}]}"#)

      let other = try await server.conversation(of: configuration)
      _ = try await server.participant("+14155550111", type: "AGENT", in: other)
      _ = try await server.participant("+14155550100", in: other)
      try await talk.say(
        "B-GROUP-7: another open conversation has this pair", "POST", target,
        #"{"type":"AGENT","addresses":[{"channel":"SMS","address":"+14155550111"}]}"#)
      try await server.close(other)
      try await talk.say(
        "B-GROUP-4: it is closed, and the pair is free", "POST", target,
        #"{"type":"AGENT","addresses":[{"channel":"SMS","address":"+14155550111"}]}"#)
      try await talk.say("B-CONV-28: the other is closed for good", "POST", "/v2/Conversations/\(other)/Participants", #"{"addresses":[]}"#)

      for _ in 0..<98 { _ = try await server.participant(in: conversation) }
      try await talk.say("B-PART-7: the 101st", "POST", target, #"{"addresses":[]}"#)
    }
  }

  @Test("B-PART-9, B-PAGE-2…4: participants are fetched alone and by pages, forth and back")
  func fetch() async throws {
    try await Talk.recorded("participant-fetch") { talk in
      let server = talk.server
      let conversation = try await server.conversation()
      let target = "/v2/Conversations/\(conversation)/Participants"
      try await talk.say("An empty list", "GET", target)
      let first = try await server.participant("+14155550100", in: conversation)
      for number in 1...4 { _ = try await server.participant("+1415555010\(number)", type: "AGENT", in: conversation) }
      try await talk.say("One", "GET", "\(target)/\(first)")
      let one = try await talk.say("The first page of two", "GET", "\(target)?pageSize=2")
      let two = try await talk.say("The next, of one", "GET", "\(target)?pageSize=1&pageToken=\(one.string("meta.nextToken"))")
      try await talk.say("The last", "GET", "\(target)?pageSize=2&pageToken=\(two.string("meta.nextToken"))")
      try await talk.say("Back to the first", "GET", "\(target)?pageSize=2&pageToken=\(two.string("meta.previousToken"))")
      try await talk.say("A page of no size with a token of nobody", "GET", "\(target)?pageSize=0&pageToken=abc")
      try await talk.say("No such participant", "GET", "\(target)/conv_participant_00000000000000000000000009")
      try await talk.say(
        "No such conversation", "GET", "/v2/Conversations/conv_conversation_00000000000000000000000009/Participants/\(first)")
      try await talk.say(
        "The list of no such conversation", "GET", "/v2/Conversations/conv_conversation_00000000000000000000000009/Participants")
      let other = try await server.conversation()
      try await talk.say("A participant of another conversation", "GET", "/v2/Conversations/\(other)/Participants/\(first)")
    }
  }

  @Test("B-PART-21, B-PART-22: a PUT replaces name and profile, keeps type and addresses when they are left out, and may change nothing")
  func replace() async throws {
    try await Talk.recorded("participant-replace") { talk in
      let server = talk.server
      let configuration = try await server.configuration()
      let conversation = try await server.conversation(of: configuration)
      let id = try await server.participant("+14155550100", in: conversation)
      let target = "/v2/Conversations/\(conversation)/Participants/\(id)"
      server.clock.advance(seconds: 10)
      let profile = "mem_profile_00000000000000000000000007"
      try await talk.say("Name and profile", "PUT", target, #"{"name":"Ada","profileId":"\#(profile)"}"#)
      server.clock.advance(seconds: 10)
      try await talk.say("The same again: updatedAt stays", "PUT", target, #"{"name":"Ada","profileId":"\#(profile)"}"#)
      try await talk.say(
        "What was fetched, sent back whole, changes nothing", "PUT", target, try await server.send("GET", target).text)
      try await talk.say("The name is left out and becomes the address, the profile goes", "PUT", target, #"{"type":"UNKNOWN"}"#)
      try await talk.say(
        "Other addresses", "PUT", target, #"{"name":"Ada","addresses":[{"channel":"EMAIL","address":"ada@example.com"}]}"#)
      try await talk.say("No addresses", "PUT", target, #"{"addresses":[]}"#)
      try await talk.say("Nothing asked: nothing changes", "PUT", target, "{}")
    }
  }

  @Test("B-PART-5, B-GROUP-7, B-CONV-28: what a PUT is refused for, and leaves as it was")
  func replaceRefused() async throws {
    try await Talk.recorded("participant-replace-refused") { talk in
      let server = talk.server
      let configuration = try await server.configuration()
      let conversation = try await server.conversation(of: configuration)
      let customer = try await server.participant("+14155550100", in: conversation)
      let agent = try await server.participant("+14155550111", type: "AGENT", in: conversation)
      let other = try await server.conversation(of: configuration)
      _ = try await server.participant("+14155550100", in: other)
      _ = try await server.participant("+14155550122", type: "AGENT", in: other)
      let target = "/v2/Conversations/\(conversation)/Participants/\(agent)"

      try await talk.say(
        "No such participant", "PUT", "/v2/Conversations/\(conversation)/Participants/conv_participant_00000000000000000000000009", "{}")
      try await talk.say(
        "No such conversation", "PUT", "/v2/Conversations/conv_conversation_00000000000000000000000009/Participants/\(agent)", "{}")
      try await talk.say("Wrong fields", "PUT", target, #"{"name":[],"addresses":{}}"#)
      try await talk.say("The customer's address", "PUT", target, #"{"addresses":[{"channel":"SMS","address":"+14155550100"}]}"#)
      try await talk.say(
        "A pair that another conversation has", "PUT", target, #"{"addresses":[{"channel":"SMS","address":"+14155550122"}]}"#)
      try await talk.say("Nothing of it was done", "GET", target)
      try await server.close(conversation)
      try await talk.say("CLOSED: even what changes nothing", "PUT", "/v2/Conversations/\(conversation)/Participants/\(customer)", "{}")
    }
  }
}

import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@Suite("Listeners over HTTP, as exchanges")
struct ListenerHandlerTests {
  private static let target = "/parley/v1/Listeners"

  @Test("B-HOOK-6: a listener is made, renewed and deleted, and ends by itself")
  func life() async throws {
    try await Talk.recorded("listener") { talk in
      let server = talk.server
      let made = try await talk.say("For a minute", "POST", Self.target, #"{"url":"\#(TestServer.hook)"}"#)
      let first = try made.string("id")
      try await talk.say("For as long as is said", "POST", Self.target, #"{"url":"\#(TestServer.otherHook)","expiresInSeconds":3600}"#)
      server.clock.advance(milliseconds: 59_999)
      try await talk.say("One, in its last millisecond", "GET", "\(Self.target)/\(first)")
      let one = try await talk.say("The list, newest first", "GET", "\(Self.target)?pageSize=1")
      try await talk.say("Its next page", "GET", "\(Self.target)?pageSize=1&pageToken=\(one.string("meta.nextToken"))")
      try await talk.say("Renewed", "PUT", "\(Self.target)/\(first)", "{}")
      try await talk.say("Renewed for two minutes; its URL stays", "PUT", "\(Self.target)/\(first)", #"{"url":"x","expiresInSeconds":120}"#)

      _ = try await server.conversation()
      try await talk.say("A conversation without callbacks is told to both", "GET", "/parley/v1/Deliveries")
      server.clock.advance(seconds: 120)
      try await talk.say("It has ended", "GET", "\(Self.target)/\(first)")
      let listed = try await talk.say("And is in no list", "GET", Self.target)
      let second = try listed.string("listeners[0].id")
      try await talk.say("The other is deleted", "DELETE", "\(Self.target)/\(second)")
      try await talk.say("And is gone", "DELETE", "\(Self.target)/\(second)")
      _ = try await server.conversation()
      #expect(try await server.deliveries().count == 2)
    }
  }

  @Test("a listener that was made with an API key ends with the key, and one with the account's token when that is replaced")
  func ends() async throws {
    try await TestServer.with { server in
      let accounts = server.engine.accounts
      let (key, secret) = try await accounts.createKey(of: server.caller.account, name: "CI")
      var request = WireRequest("POST", Self.target, #"{"url":"\#(TestServer.hook)"}"#)
      let byToken = try await server.send(request, as: server.caller).string("id")
      request.headers.append(("Authorization", Caller.authorization(key.id.text, secret)))
      let byKey = try await server.send(request, as: nil).string("id")
      #expect(try await server.send("PUT", "\(Self.target)/\(byKey)", "{}").status == 200)
      try await accounts.revokeKey(key.id)
      for method in ["GET", "PUT", "DELETE"] {
        #expect(try await server.send(method, "\(Self.target)/\(byKey)", method == "PUT" ? "{}" : nil).status == 404)
      }
      #expect(try await server.send("GET", "\(Self.target)/\(byToken)").status == 200)
      // The sign-in is remembered for a moment; what it makes then has ended before it begins.
      let late = try await server.send(request, as: nil)
      #expect(late.status == 201)
      #expect(try await server.send("GET", "\(Self.target)/\(late.string("id"))").status == 404)
      _ = try await server.conversation()
      #expect(try await server.deliveries().count == 1)
      _ = try await accounts.rotateToken(of: server.caller.account)
      #expect(try await server.send("GET", "\(Self.target)/\(byToken)").status == 404)
    }
  }

  @Test("what a listener is refused for")
  func refused() async throws {
    try await Talk.recorded("listener-refused") { talk in
      let server = talk.server
      try await talk.say("No body", "POST", Self.target)
      try await talk.say("All that is wrong is said", "POST", Self.target, #"{"url":"https://127.0.0.1/events","expiresInSeconds":5}"#)
      try await talk.say("Without a URL", "POST", Self.target, #"{"expiresInSeconds":1.5}"#)
      let missing = "\(Self.target)/parley_listener_00000000000000000000000009"
      try await talk.say("No such listener", "GET", missing)
      try await talk.say("404 before 400 of the body", "PUT", missing, "[")
      try await talk.say("A page of no size with a token of nobody", "GET", "\(Self.target)?pageSize=0&pageToken=abc")
      let body = #"{"url":"\#(TestServer.hook)"}"#
      let id = try await server.send("POST", Self.target, body).string("id")
      try await talk.say("For too long", "PUT", "\(Self.target)/\(id)", #"{"expiresInSeconds":3601}"#)
      for _ in 2...20 { #expect(try await server.send("POST", Self.target, body).status == 201) }
      try await talk.say("The 21st", "POST", Self.target, body)
      #expect(try await server.send("DELETE", "\(Self.target)/\(id)").status == 204)
      #expect(try await server.send("POST", Self.target, body).status == 201)
    }
  }
}

import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite("Signature checks over HTTP, as exchanges")
struct SignatureCheckHandlerTests {
  private static let target = "/parley/v1/SignatureChecks"
  private static let event = #"{"eventType":"CONVERSATION_UPDATED","timestamp":"2026-01-02T03:04:05Z","data":{}}"#

  /// The body of a check, of what was sent to the hook or of what a receiver made of it.
  private static func body(
    url: String? = nil, signature: String? = nil, event: String = event, of caller: Caller
  ) throws -> String {
    let target = try #require(CallbackTarget(TestServer.hook))
    let signed = WebhookSignature(post: Array(Self.event.utf8), to: target, token: caller.token)
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("url", url ?? signed.url)
      writer.name("headers")
      writer.object { writer in
        writer.member("content-type", "application/json; charset=utf-8")
        writer.member("x-twilio-signature", signature ?? signed.signature)
      }
      writer.member("body", event)
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  @Test("B-HOOK-14: a webhook as it was sent is valid, and what differs is said")
  func check() async throws {
    try await Talk.recorded("signature-check") { talk in
      let caller = talk.server.caller
      try await talk.say("As it was sent", "POST", Self.target, try Self.body(of: caller))
      let hash = WebhookSignature.sha256(Array(Self.event.utf8))
      try await talk.say(
        "Behind a proxy that ends TLS", "POST", Self.target,
        try Self.body(url: "http://hooks.example.com/events?bodySHA256=\(hash)", of: caller))
      try await talk.say("Another body", "POST", Self.target, try Self.body(event: "{}", of: caller))
      try await talk.say(
        "A GET without a signature", "POST", Self.target, #"{"url":"\#(TestServer.hook)","method":"GET","headers":{},"body":null}"#)
    }
  }

  @Test("an account checks by its own token, and by the URLs that its own deliveries went to")
  func accounts() async throws {
    try await TestServer.with(accounts: 2) { server in
      let (owner, stranger) = (server.callers[0], server.callers[1])
      _ = try await server.conversation(of: server.configuration(calling: TestServer.hook))
      let body = try Self.body(of: owner)
      let own = try await server.send(WireRequest("POST", Self.target, body), as: owner)
      #expect(try own.value("valid") == .bool(true))
      let other = try await server.send(WireRequest("POST", Self.target, body), as: stranger)
      #expect(try other.value("valid") == .bool(false))
      #expect(try other.string("findings[0].message").contains("Neither"))
      let strangers = try Self.body(of: stranger)
      let mixed = try await server.send(WireRequest("POST", Self.target, strangers), as: owner)
      #expect(try mixed.string("findings[0].message").contains("is a callback of the account"))
    }
  }

  @Test("what a check is refused for")
  func refused() async throws {
    try await Talk.recorded("signature-check-refused") { talk in
      try await talk.say("No body", "POST", Self.target)
      try await talk.say(
        "All that is wrong is said", "POST", Self.target, #"{"url":7,"method":"PUT","headers":{"a":"","b":1},"body":{}}"#)
      try await talk.say("Neither URL nor headers", "POST", Self.target, #"{"headers":null}"#)
      let headers = (1...201).map { #""x-\#($0)":"""# }.joined(separator: ",")
      let many = try await talk.server.send("POST", Self.target, #"{"url":"https://a.example/","headers":{\#(headers)}}"#)
      #expect(many.status == 400)
      #expect(try many.string("message") == "headers must have at most 200 members")
    }
  }
}

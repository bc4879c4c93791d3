import Foundation
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

/// Which change tells what, to whom, and in which form.
@Suite struct OutboxTests {
  @Test("B-CONV-8: a new conversation tells of itself, then of each participant in the order of the request", arguments: TestDatabase.kinds)
  func created(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling(kind) { test, loop in
        let configuration = try await test.configuration(more: Text.callbacks(receiver.url))
        let people = [participant(.customer, "SMS \(Text.a)", name: "z"), participant(.agent, "SMS \(Text.b)", name: "a")]
        let cause = RequestID()
        let body = #"{"configurationId":"\#(configuration.text)","participants":[\#(people.joined(separator: ","))]}"#
        _ = try await test.engine.conversations.create(Body(body), for: test.account, because: cause)
        await loop.runUntilIdle()
        let events = try receiver.received.map { try Answer($0.body) }
        #expect(events.map { $0.text("eventType") } == ["CONVERSATION_CREATED", "PARTICIPANT_ADDED", "PARTICIPANT_ADDED"])
        #expect(try events.dropFirst().map { try $0.object("data").text("name") } == ["z", "a"])
        #expect(receiver.received.map { $0["Twilio-Request-Id"] } == Array(repeating: cause.text, count: 3))
        #expect(Set(receiver.tokens).count == 3)
        let data = try events[0].object("data")
        for name in ["id", "accountId", "configurationId", "status", "createdAt", "updatedAt", "metadata"] {
          #expect(data[name] != nil, "\(name)")
        }
        #expect(data["configuration"] == nil && data["participants"] == nil)
      }
    }
  }

  @Test("B-CONV-27: status and name tell, what changes nothing, metadata and callbacks do not", arguments: TestDatabase.kinds)
  func updated(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook)))
      for (body, count) in [
        (#"{"status":"INACTIVE"}"#, 1), (#"{"status":"INACTIVE"}"#, 0), (#"{"name":"Ada"}"#, 1), (#"{"name":"Ada"}"#, 0),
        (#"{"metadata":{"a":"b"}}"#, 0), (#"{"configuration":{"statusCallbacks":[{"url":"\#(Text.hook)"}]}}"#, 0),
        (#"{"status":"CLOSED"}"#, 1),
      ] {
        let before = try await test.deliveries().count
        try await test.patch(id, body)
        let after = try await test.deliveries()
        #expect(after.count - before == count, "\(body)")
        if count > 0 { #expect(after.first?.text("eventType") == "CONVERSATION_UPDATED") }
      }
    }
  }

  @Test("B-PART-22: a participant that is added or replaced tells, one that stays the same does not", arguments: TestDatabase.kinds)
  func participants(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook)))
      let added = try await test.add(participant(.agent, "SMS \(Text.a)", name: "Ada"), to: id)
      try await test.replace(added.id, by: participant(.agent, "SMS \(Text.a)", name: "Bob"), in: id)
      try await test.replace(added.id, by: participant(.agent, "SMS \(Text.a)", name: "Bob"), in: id)
      let kinds = try await test.deliveries().reversed().map { $0.text("eventType") }
      #expect(kinds == ["CONVERSATION_CREATED", "PARTICIPANT_ADDED", "PARTICIPANT_UPDATED"])
    }
  }

  @Test("B-CONV-24: a PATCH with a new list and a name tells the old list; [] stops, null restores", arguments: TestDatabase.kinds)
  func patched(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook)))
      try await test.patch(id, #"{"name":"1","configuration":{"statusCallbacks":[{"url":"\#(Text.otherHook)"}]}}"#)
      try await test.patch(id, #"{"name":"2"}"#)
      try await test.patch(id, #"{"configuration":{"statusCallbacks":[]}}"#)
      try await test.patch(id, #"{"name":"3"}"#)
      try await test.patch(id, #"{"configuration":{"statusCallbacks":null}}"#)
      try await test.patch(id, #"{"name":"4"}"#)
      let urls = try await test.deliveries().reversed().map { $0.text("url") }
      #expect(urls == [Text.hook, Text.hook, Text.otherHook, Text.hook])
    }
  }

  @Test("B-HOOK-6: a URL that is listed twice gets each event twice, under two tokens; a listener hears too, also beside an empty list")
  func listings() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling { test, loop in
        _ = try await test.conversation(test.configuration(more: Text.callbacks(receiver.url, receiver.url)))
        await loop.runUntilIdle()
        #expect(receiver.received.count == 2 && Set(receiver.tokens).count == 2)
        _ = try await test.engine.listeners.create(Body(#"{"url":"\#(receiver.url)"}"#), for: test.account)
        let configuration = try await test.configuration(.profile)
        try await test.create(configuration, more: #","configuration":{"statusCallbacks":[]}"#)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 3)
        test.clock.advance(seconds: 60)
        try await test.create(configuration, more: #","configuration":{"statusCallbacks":[]}"#)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 3)
      }
    }
  }

  @Test("B-HOOK-6: where nobody is to be told, nothing is stored", arguments: TestDatabase.kinds)
  func nobody(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let id = try await test.conversation(test.configuration())
      try await test.patch(id, #"{"name":"Ada"}"#)
      let deliveries = try await test.deliveries().count
      let lanes = try await test.engine.database.readSystem { try $0.dueTimes().count }
      #expect((deliveries, lanes) == (0, 0))
    }
  }

  @Test("B-HOOK-30: a write that fails after its events were put down leaves neither", arguments: TestDatabase.kinds)
  func atomic(kind: TestDatabase.Kind) async throws {
    struct Failure: Error {}
    try await TestEngine.with(kind) { test in
      let id = try await test.conversation(test.configuration(more: Text.callbacks(Text.hook)))
      let (engine, account, now) = (test.engine, test.account, test.clock.now)
      await #expect(throws: Failure.self) {
        try await engine.database.write(for: account) { tx in
          guard let stored = try tx.conversation(id) else { return }
          let outbox = Outbox(engine: engine, tx: tx, account: account, cause: RequestID(), taken: TakenLanes(nil))
          let hosts = try outbox.publish([.conversationUpdated(stored, at: now)], of: id, to: nil, at: now)
          #expect(hosts.count == 1)
          throw Failure()
        }
      }
      #expect(try await test.deliveries().count == 1)
      #expect(try await test.takeWaiting().map(\.count) == [1])
    }
  }

  @Test("B-HOOK-11, B-HOOK-14, B-HOOK-19, B-HOOK-36: the headers of a POST, its signature, user info and fragment")
  func post() async throws {
    try await TestReceiver.with { receiver in
      let url = "http://us%65r:p%40ss@127.0.0.1:\(receiver.port)/hook?a=1#rc=3"
      try await TestEngine.told(url) { test, loop, id in
        await loop.runUntilIdle()
        let request = try #require(receiver.received.first)
        let token = try await test.engine.accounts.token(of: test.account)
        let signed = "http://127.0.0.1:\(receiver.port)\(request.target)"
        let signature = try #require(request["X-Twilio-Signature"])
        #expect(request.target == "/hook?a=1&bodySHA256=\(WebhookSignature.sha256(request.body))")
        #expect(WebhookSignature.isValid(signature, url: signed, body: request.body, token: token))
        let delivery = try await test.delivery(id)
        let headers = Dictionary(request.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
        #expect(
          headers == [
            "host": "127.0.0.1:\(receiver.port)", "content-type": "application/json; charset=utf-8", "accept": "*/*",
            "user-agent": "TwilioProxy/1.1", "x-twilio-signature": signature,
            "i-twilio-idempotency-token": delivery.text("idempotencyToken"), "twilio-request-id": delivery.text("requestId"),
            "authorization": "Basic \(Data("user:p@ss".utf8).base64EncodedString())", "content-length": String(request.body.count),
          ])
      }
    }
  }

  @Test("B-HOOK-13, B-HOOK-15: a GET carries the event in its query and is signed as a whole")
  func get() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling { test, loop in
        let more = #","statusCallbacks":[{"url":"\#(receiver.url)?x=1","method":"GET"}]"#
        _ = try await test.conversation(test.configuration(more: more))
        await loop.runUntilIdle()
        let request = try #require(receiver.received.first)
        let id = try await #require(test.deliveries().first).id(Delivery.self)
        let event = try await test.delivery(id).object("event")
        let items = try #require(URLComponents(string: request.target)?.queryItems)
        #expect(items.map(\.name) == ["x", "eventType", "timestamp", "data"])
        #expect((items[1].value, items[2].value) == (event.text("eventType"), event.text("timestamp")))
        #expect(try Answer(Array((items[3].value ?? "").utf8)) == event.object("data"))
        let token = try await test.engine.accounts.token(of: test.account)
        let signature = WebhookSignature.signature(of: "http://127.0.0.1:\(receiver.port)\(request.target)", token: token)
        #expect(request["X-Twilio-Signature"] == signature)
        #expect(request.method == "GET" && request.body.isEmpty && request["Content-Type"] == nil)
      }
    }
  }

  @Test("B-AUTH-7: what waits is signed with the token that the account has when it is sent")
  func rotated() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url) { test, loop, _ in
        let token = try await test.engine.accounts.rotateToken(of: test.account)
        await loop.runUntilIdle()
        let request = try #require(receiver.received.first)
        let signature = try #require(request["X-Twilio-Signature"])
        let url = "http://127.0.0.1:\(receiver.port)\(request.target)"
        #expect(WebhookSignature.isValid(signature, url: url, body: request.body, token: token))
      }
    }
  }
}

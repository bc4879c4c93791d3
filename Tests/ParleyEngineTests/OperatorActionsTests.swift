import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine
@testable import ParleyStorage

/// What operators can do when a delivery does harm.
@Suite struct OperatorActionsTests {
  @Test("A delivery that is dropped is FAILED, not sent, and sent again by hand; others of its lane go on", arguments: TestDatabase.kinds)
  func drop(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with({ _, number in .status(number == 1 ? 500 : 200) }) { receiver in
      try await TestEngine.calling(kind) { test, loop in
        try await test.make(conversations: 1, participants: 2, telling: receiver.url)
        let ids: [Delivery.ID] = try await test.deliveries().reversed().map { try $0.id() }
        await loop.runUntilIdle()
        let actions = test.engine.operatorActions
        // The first waits for its retry, the second behind it.
        #expect(try await actions.drop([ids[0], ids[1]], of: nil) == [ids[0], ids[1]])
        #expect(try await actions.drop([ids[0], Delivery.ID(firstAt: test.clock.now)], of: nil).isEmpty)
        let dropped = try await test.delivery(ids[0])
        #expect(dropped.text("state") == "FAILED" && dropped["nextAttemptAt"] == .null && dropped["finishedAt"] != .null)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 2)
        #expect(try await test.log(ids[2]).state == "DELIVERED")
        _ = try await test.engine.deliveries.resend(ids[0], for: test.account)
        await loop.runUntilIdle()
        #expect(try await test.log(ids[0]) == .init(state: "DELIVERED", attempts: [.init(status: 500, wait: 1000), .init(status: 200)]))
        #expect(try await test.log(ids[1]) == .init(state: "FAILED", attempts: []))
      }
    }
  }

  @Test("Dropped while it is being sent, it is delivered if it arrives, and not tried again if not", arguments: TestDatabase.kinds)
  func dropInFlight(kind: TestDatabase.Kind) async throws {
    for status in [200, 500] {
      let gate = TestReceiver.Gate()
      try await TestReceiver.with({ _, number in number == 1 ? .held(gate, then: .status(status)) : .status(200) }) { receiver in
        try await TestEngine.told(receiver.url, kind, .patient) { test, loop, id in
          async let ran: Void = loop.runUntilIdle()
          try await receiver.requests(count: 1)
          #expect(try await test.engine.operatorActions.drop([id], of: nil) == [id])
          gate.open()
          await ran
          test.clock.advance(seconds: 60)
          await loop.runUntilIdle()
          #expect(receiver.received.count == 1)
          #expect(try await test.log(id).state == (status == 200 ? "DELIVERED" : "FAILED"))
          guard status == 500 else { return }
          _ = try await test.engine.deliveries.resend(id, for: test.account)
          await loop.runUntilIdle()
          #expect(try await test.log(id).attempts.map(\.status) == [500, 200])
        }
      }
    }
  }

  @Test("All of a URL or a conversation are dropped, in bounded steps, and nothing else", arguments: TestDatabase.kinds)
  func dropAll(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.profile, more: Text.callbacks(Text.hook, Text.otherHook))
      var conversations: [Conversation.ID] = []
      for _ in 0..<(OperatorActions.droppedAtOnceMax + 1) { conversations.append(try await test.conversation(configuration)) }
      let actions = test.engine.operatorActions
      let other = try await test.engine.accounts.create(name: "other").account.id
      #expect(try await actions.dropAll(url: Text.hook, conversation: nil, of: other) == 0)
      #expect(try await actions.dropAll(url: Text.hook, conversation: conversations[0], of: nil) == 1)
      #expect(try await actions.dropAll(url: nil, conversation: conversations[0], of: nil) == 1)
      #expect(try await actions.dropAll(url: Text.hook, conversation: nil, of: test.account) == conversations.count - 1)
      let left = try await test.deliveries(DeliveryFilter(states: [.pending])).map { $0.text("url") }
      #expect(left == Array(repeating: Text.otherHook, count: conversations.count - 1))
      let shown = try await actions.deliveries(DeliveryFilter(states: [.failed]), of: nil, limit: 3)
      #expect(shown.count == 3 && shown.allSatisfy { $0.account == test.account && $0.delivery["state"] == .string("FAILED") })
      let unknown = Account.ID(random: Array(repeating: 0, count: 16))
      await #expect(throws: AccountFailure.self) { try await actions.dropAll(url: Text.hook, conversation: nil, of: unknown) }
    }
  }

  @Test("Pausing all holds what is there and what comes, and leaves single pauses to themselves", arguments: TestDatabase.kinds)
  func pauseAll(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let configuration = try await test.configuration(.profile, more: Text.callbacks(Text.hook, Text.otherHook))
      _ = try await test.conversation(configuration)
      let actions = test.engine.operatorActions
      #expect(try await actions.pause(url: Text.hook, of: test.account).isNew)
      let all = try await actions.pause(url: nil, of: test.account)
      #expect(all.isNew && all.pause.url == "*")
      #expect(try await !actions.pause(url: nil, of: test.account).isNew)
      // Also a URL that comes later, and one that is resumed by itself.
      _ = try await test.conversation(test.configuration(.profile, more: Text.callbacks("https://new.example.com")))
      #expect(try await test.deliveries().map { $0["paused"] } == Array(repeating: .bool(true), count: 3))
      #expect(try await test.takeWaiting().isEmpty)
      #expect(try await actions.resume(url: Text.hook, of: test.account)?.url == Text.hook)
      #expect(try await test.takeWaiting().isEmpty)
      #expect(try await actions.pause(url: Text.otherHook, of: test.account).isNew)
      #expect(try await actions.resume(url: nil, of: test.account)?.id == all.pause.id)
      #expect(try await actions.resume(url: nil, of: test.account) == nil)
      #expect(try await test.deliveries().filter { $0["paused"] == .bool(true) }.map { $0.text("url") } == [Text.otherHook])
      #expect(try await test.takeWaiting().count == 2)
    }
  }

  @Test("A loop sends nothing of an account whose webhooks are all paused, and all of it once it is resumed", arguments: TestDatabase.kinds)
  func pausedLoop(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url, kind) { test, loop, _ in
        _ = try await test.engine.operatorActions.pause(url: nil, of: test.account)
        try await test.make(conversations: 1, telling: receiver.url)
        await loop.runUntilIdle()
        #expect(receiver.connections == 0)
        _ = try await test.engine.operatorActions.resume(url: nil, of: test.account)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 2)
      }
    }
  }

  @Test("Listeners of all accounts are shown, and ended by their id", arguments: TestDatabase.kinds)
  func listeners(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let other = try await test.engine.accounts.create(name: "other").account.id
      let (key, _) = try await test.engine.accounts.createKey(of: other, name: "ci")
      let body = Body(#"{"url":"\#(Text.hook)"}"#)
      let first = try await test.engine.listeners.create(body, for: test.account).id
      let second = try await test.engine.listeners.create(body, for: other, by: .key(key.id)).id
      let actions = test.engine.operatorActions
      #expect(Set(try await actions.listeners(of: nil).map(\.listener.id)) == [first, second])
      #expect(try await actions.listeners(of: other).map(\.listener.credential) == [.key(key.id)])
      #expect(try await actions.endListener(second))
      #expect(try await !actions.endListener(second))
      #expect(try await actions.listeners(of: nil).map(\.account) == [test.account])
    }
  }
}

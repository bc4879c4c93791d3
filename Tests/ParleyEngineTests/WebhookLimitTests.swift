import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

/// How much is done at once, how much waits, and where nothing is sent at all.
@Suite struct WebhookLimitTests {
  @Test("B-HOOK-34: one at a time for a conversation, and no more at once to one host than the limit")
  func perHost() async throws {
    var settings = WebhookSettings.exact
    (settings.perHost, settings.concurrency) = (3, 100)
    try await TestReceiver.with(key: { $0.conversation }) { receiver in
      try await TestEngine.calling(.sqlite, settings) { test, loop in
        try await test.make(conversations: 12, participants: 2, telling: receiver.url)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 36)
        #expect(receiver.mostAtOnce <= 3)
        #expect(receiver.mostAtOncePerKey.count == 12 && receiver.mostAtOncePerKey.values.allSatisfy { $0 == 1 })
      }
    }
  }

  @Test("B-HOOK-35: no more at once than the limit in all, and one host never has more than half of what is free")
  func inAll() async throws {
    var settings = WebhookSettings.patient
    (settings.perHost, settings.concurrency) = (10, 4)
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { stuck in
      try await TestReceiver.with { other in
        try await TestEngine.calling(.sqlite, settings) { test, loop in
          try await test.make(conversations: 10, telling: stuck.url)
          // The stuck host is the first to be asked for.
          test.clock.advance(milliseconds: 1)
          try await test.make(conversations: 3, telling: other.url)
          async let ran: Void = loop.runUntilIdle()
          try await stuck.requests(count: 2)
          try await other.requests(count: 1)
          gate.open()
          await ran
          #expect(stuck.received.count == 10 && other.received.count == 3)
          #expect(stuck.mostAtOnce <= 4)
        }
      }
    }
  }

  @Test("B-HOOK-35: what goes to others arrives while a host with many conversations answers nothing", arguments: TestDatabase.kinds)
  func stuckHost(kind: TestDatabase.Kind) async throws {
    let gate = TestReceiver.Gate()
    try await TestReceiver.with(always: .held(gate)) { stuck in
      try await TestReceiver.with { other in
        try await TestEngine.calling(kind, .patient) { test, loop in
          try await test.make(conversations: 40, telling: stuck.url)
          try await test.make(conversations: 20, participants: 1, telling: other.url)
          try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await loop.run() }
            try await other.requests(count: 40)
            #expect(stuck.mostAtOnce <= 10)
            gate.open()
            try await stuck.requests(count: 40)
            loop.stop()
            try await group.waitForAll()
          }
        }
      }
    }
  }

  @Test("Where too many events wait for a URL, the oldest are given up, and that is seen", arguments: TestDatabase.kinds)
  func backlog(kind: TestDatabase.Kind) async throws {
    var settings = WebhookSettings.exact
    settings.backlog = 3
    try await TestReceiver.with(always: .status(503)) { receiver in
      try await TestEngine.calling(kind, settings) { test, loop in
        try await test.make(conversations: 1, participants: 4, telling: receiver.url)
        await loop.runUntilIdle()
        let all = try await test.deliveries().reversed().map { $0.text("state") }
        #expect(all == ["FAILED", "FAILED", "PENDING", "PENDING", "PENDING"])
        let id = try await #require(test.deliveries().last).id(Delivery.self)
        let log = try await test.log(id)
        #expect(log.attempts == [.init(status: 503, wait: 1000), .init(failure: "backlog")])
        receiver.become { _, _ in .status(200) }
        test.clock.advance(seconds: 1)
        await loop.runUntilIdle()
        #expect(receiver.received.map { $0.text }.dropFirst().count == 3)
        let states = try await test.deliveries(DeliveryFilter(states: [.delivered])).count
        #expect(states == 3)
      }
    }
  }

  @Test("A pause keeps what is there and what comes later; resumed, all goes on in order", arguments: TestDatabase.kinds)
  func pause(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling(kind) { test, loop in
        try await test.make(conversations: 1, participants: 2, telling: receiver.url)
        let (pause, _) = try await test.engine.pauses.create(Body(#"{"url":"\#(receiver.url)"}"#), for: test.account)
        try await test.make(conversations: 1, participants: 1, telling: receiver.url)
        await loop.runUntilIdle()
        #expect(receiver.connections == 0)
        try await test.engine.pauses.delete(pause.id, for: test.account)
        await loop.runUntilIdle()
        #expect(receiver.received.count == 5)
        let order = try await test.deliveries().reversed().map { $0.text("idempotencyToken") }
        let tokens = receiver.received.map { $0["I-Twilio-Idempotency-Token"] }
        #expect(tokens.filter { order.prefix(3).contains($0) } == Array(order.prefix(3)))
      }
    }
  }

  @Test("Lanes of one host take turns: the second is served before the first is empty")
  func fairness() async throws {
    var settings = WebhookSettings.exact
    (settings.perHost, settings.jobsPerTurn, settings.jobsAhead) = (1, 2, 2)
    try await TestReceiver.with { receiver in
      try await TestEngine.calling(.sqlite, settings) { test, loop in
        try await test.make(conversations: 2, participants: 9, telling: receiver.url)
        // Who has waited for longer is next, so time must go on.
        receiver.become { _, _ in
          test.clock.advance(milliseconds: 1)
          return .status(200)
        }
        await loop.runUntilIdle()
        let order = receiver.received.map(\.conversation)
        #expect(order.count == 20)
        #expect(Set(order.prefix(10)).count == 2, "the first conversation was sent whole before the second")
      }
    }
  }

  @Test("B-HOOK-21: a name that has come to lead to a private address is refused, and nobody hears anything", arguments: TestDatabase.kinds)
  func rebound(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with(tls: .good()) { receiver in
      try await TestEngine.with(kind) { test in
        try await test.loop(.trusting(), names: TestNames(["hooks.test": ["127.0.0.1"]])) { loop in
          try await test.make(conversations: 1, telling: receiver.url(host: "hooks.test"))
          await loop.runUntilIdle()
          let id = try await #require(test.deliveries().first).id(Delivery.self)
          let log = try await test.log(id)
          #expect(log == .init(state: "FAILED", attempts: [.init(failure: "address_refused")]))
          #expect(receiver.connections == 0)
        }
      }
    }
  }

  @Test(
    "B-HOOK-22: a dot at the end of a host is left out of lookup, handshake and certificate, and stays in the URL and Host",
    arguments: [
      ("hooks.test.", "hooks.test"), ("HOOKS.Test.", "hooks.test"), ("hooks%2Etest.", "hooks.test"), ("127.0.0.1.", nil), ("127.1", nil),
      ("hooks.test", "hooks.test"),
    ] as [(String, String?)])
  func trailingDot(host: String, name: String?) async throws {
    try await TestReceiver.with(tls: .good()) { receiver in
      let url = receiver.url(host: host)
      try await TestEngine.told(url, .trusting(), names: TestNames(["hooks.test": ["127.0.0.1"]])) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
        #expect(receiver.serverNames == [name])
        let request = try #require(receiver.received.first)
        #expect(request["Host"] == "\(host):\(receiver.port)")
        let (account, signature) = (try await test.engine.accounts.token(of: test.account), request["X-Twilio-Signature"] ?? "")
        let signed = "https://\(host):\(receiver.port)\(request.target)"
        #expect(WebhookSignature.isValid(signature, url: signed, body: request.body, token: account))
      }
    }
  }

  @Test("B-HOOK-21: the connection goes to the address that was checked, with the name in the handshake, whatever the name leads to later")
  func changingName() async throws {
    try await TestReceiver.with(tls: .good()) { receiver in
      let names = TestNames(["hooks.test": ["127.0.0.1", "127.0.0.2"]])
      try await TestEngine.told(receiver.url(host: "hooks.test"), .trusting(), names: names) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
        #expect(receiver.serverNames == ["hooks.test"])
      }
    }
  }
}

extension TestEngine {
  /// Makes so many conversations that tell a URL of themselves and of so many participants each.
  func make(conversations: Int, participants: Int = 0, telling url: String) async throws {
    let configuration = try await configuration(.profile, more: Text.callbacks(url))
    for _ in 0..<conversations {
      let id = try await conversation(configuration)
      for _ in 0..<participants { try await add(participant(.agent, []), to: id) }
    }
  }
}

import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

/// The requests that one write causes, and the resource that each carries.
@Suite struct EventDataTests {
  @Test("B-HOOK-1, B-HOOK-5, B-HOOK-39: each event is a request of its own, in one order at every URL; a configuration has no event")
  func order() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling { test, loop in
        let urls = [receiver.url(host: "127.0.0.1", path: "/a"), receiver.url(host: "127.0.0.1", path: "/b")]
        let configuration = try await test.configuration(more: Text.callbacks(urls))
        let people = [ParleyEngineTests.participant(.customer, "SMS \(Text.a)"), ParleyEngineTests.participant(.agent, "SMS \(Text.b)")]
        try await test.create(configuration, people)
        await loop.runUntilIdle()
        for path in ["/a", "/b"] {
          let events = try receiver.received.filter { $0.target.hasPrefix(path) }.map { try Answer($0.body) }
          #expect(events.map { $0.text("eventType") } == ["CONVERSATION_CREATED", "PARTICIPANT_ADDED", "PARTICIPANT_ADDED"])
          #expect(try events.dropFirst().map { try $0.object("data").text("name") } == [Text.a, Text.b])
        }
        #expect(receiver.received.count == 6)
      }
    }
  }

  @Test("B-HOOK-4: a participant's event has the object that the list shows: its name is a string, what is unset is left out")
  func participant() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling { test, loop in
        let id = try await test.conversation(test.configuration(more: Text.callbacks(receiver.url)))
        try await test.add(#"{"addresses":[]}"#, to: id)
        await loop.runUntilIdle()
        let data = try Answer(#require(receiver.received.last).body).object("data")
        #expect(data.text("name") == "UNKNOWN")
        #expect(data["profileId"] == nil)
        let listed = try await test.participants(of: id)
        #expect(listed == [data])
      }
    }
  }

  @Test("B-HOOK-38: every URL gets the whole event, however large it is")
  func large() async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling { test, loop in
        let urls = Text.callbacks(receiver.url, receiver.url(host: "127.0.0.1", path: "/other"))
        let id = try await test.conversation(test.configuration(more: urls))
        let addresses = (10..<60).map { "CHAT \($0)\(String(repeating: "é", count: 252)) \(String(repeating: "ü", count: 256))" }
        try await test.add(ParleyEngineTests.participant(.customer, addresses), to: id)
        await loop.runUntilIdle()
        let events = receiver.received.map(\.body).filter { $0.count > 50_000 }
        #expect(events.count == 2)
        #expect(Set(events).count == 1)
        let listed = try await test.participants(of: id)
        #expect(try events.map { try Answer($0).object("data") } == [listed[0], listed[0]])
      }
    }
  }
}

import Foundation
import ParleyTesting
import Testing

extension ServerTests {
  /// B-HOOK-42 with processes that are really killed.
  @Suite struct HookSuspectTests {
    @Test("An event that is under way at six ends of a process is set aside; one that was under way beside it arrives")
    func setAside() async throws {
      let gate = TestReceiver.Gate()
      try await TestReceiver.with(always: .hang) { deadly in
        try await TestReceiver.with(always: .held(gate)) { other in
          try await TestDatabase.withFolder { folder in
            var server = try await ServerProcess.start(in: folder, HookLoad.settings)
            for receiver in [other, deadly] {
              _ = try await server.makeConversation(HookLoad.configuration(receiver.url, on: server))
            }
            for sent in 1...6 {
              try await deadly.requests(count: sent)
              // Beside each other three times, and then alone.
              if sent <= 3 { try await other.requests(count: sent) } else { #expect(deadly.received.count == sent) }
              await server.kill()
              if sent == 3 { gate.open() }
              server = try await ServerProcess.start(in: folder, HookLoad.settings)
            }
            try await HookLoad.untilNothingWaits(on: server)
            #expect(deadly.received.count == 6 && Set(deadly.received.map { $0["I-Twilio-Idempotency-Token"] }).count == 1)
            #expect(other.received.count == 4)

            let failed = try await server.expect(200, "GET", "/parley/v1/Deliveries?state=FAILED")
            let id = try failed.string("deliveries[0].id")
            #expect(try failed.string("deliveries[0].url") == deadly.url)
            #expect(try await server.expect(200, "GET", "/parley/v1/Deliveries/\(id)").string("attempts[0].failure") == "crashed")
            #expect(try await server.expect(200, "GET", "/metrics").text.contains("\nparley_webhook_set_aside_total 1\n"))
            try await eventually { server.child.errors.contains("an event was set aside") && server.child.errors.contains(id) }

            deadly.become { _, _ in .status(200) }
            try await server.expect(202, "POST", "/parley/v1/Deliveries/\(id)/Resend")
            try await HookLoad.untilNothingWaits(on: server)
            #expect(try await server.expect(200, "GET", "/parley/v1/Deliveries/\(id)").string("state") == "DELIVERED")
            await server.kill()
          }
        }
      }
    }
  }
}

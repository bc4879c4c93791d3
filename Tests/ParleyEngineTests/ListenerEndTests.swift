import ParleyDomain
import ParleyEngine
import ParleyStorage
import ParleyTesting
import Testing

/// A listener ends with what its maker signed in with, and so does what waits for it.
@Suite struct ListenerEndTests {
  /// What ends a listener that was made with a key, with the account's token, or by an older version.
  enum End: String, CaseIterable, Sendable {
    case revokedKey, disabledAccount, rotatedToken, otherKey
  }

  enum Maker: String, CaseIterable, Sendable {
    case key, token, unknown
  }

  private static func ends(_ maker: Maker, by end: End) -> Bool {
    switch end {
    case .revokedKey: maker == .key
    case .disabledAccount: true
    case .rotatedToken: maker == .token
    case .otherKey: false
    }
  }

  @Test("It is not there any more, hears of nothing new, and what waits for it is not sent", arguments: TestDatabase.kinds, End.allCases)
  func end(kind: TestDatabase.Kind, end: End) async throws {
    for maker in Maker.allCases {
      try await TestReceiver.with { receiver in
        try await TestEngine.calling(kind) { test, loop in
          let accounts = test.engine.accounts
          let (key, other) = (
            try await accounts.createKey(of: test.account, name: "ci"), try await accounts.createKey(of: test.account, name: "other")
          )
          let credential: Credential? =
            switch maker {
            case .key: try await accounts.identify(user: key.key.id.text, password: key.secret)?.credential
            case .token: try await accounts.identify(user: test.account.text, password: accounts.token(of: test.account))?.credential
            case .unknown: nil
            }
          #expect((credential == nil) == (maker == .unknown))
          let listener = try await test.engine.listeners.create(
            Body(#"{"url":"\#(receiver.url)","expiresInSeconds":3600}"#), for: test.account, by: credential)
          let configuration = try await test.configuration(.profile, more: Text.callbacks(receiver.url))
          _ = try await test.conversation(configuration)
          // One for the configuration's callback and one for the listener, which have the same URL.
          #expect(try await test.deliveries().count == 2)

          switch end {
          case .revokedKey: try await accounts.revokeKey(key.key.id)
          case .disabledAccount: try await accounts.disable(test.account)
          case .rotatedToken: _ = try await accounts.rotateToken(of: test.account)
          case .otherKey: try await accounts.revokeKey(other.key.id)
          }
          let hasEnded = Self.ends(maker, by: end)
          await test.expectListener(listener.id, isThere: !hasEnded)
          _ = try await test.conversation(configuration)
          #expect(try await test.deliveries().count == (hasEnded ? 3 : 4), "\(maker) \(end)")
          await loop.runUntilIdle()
          // What an older version's listener waits for can't be told from a callback's.
          let isSent = !hasEnded || maker == .unknown
          let states = try await test.deliveries().map { $0.text("state") ?? "" }.sorted()
          #expect(receiver.received.count == states.count - (isSent ? 0 : 1), "\(maker) \(end)")
          #expect(states.filter { $0 == "FAILED" }.count == (isSent ? 0 : 1) && !states.contains("PENDING"))
        }
      }
    }
  }

  @Test("Renewed by another, it still ends with its maker's key", arguments: TestDatabase.kinds)
  func renewed(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let (key, _) = try await test.engine.accounts.createKey(of: test.account, name: "ci")
      let body = Body(#"{"url":"\#(Text.hook)"}"#)
      let listener = try await test.engine.listeners.create(body, for: test.account, by: .key(key.id))
      _ = try await test.engine.listeners.renew(listener.id, by: Body("{}"), for: test.account)
      try await test.engine.accounts.revokeKey(key.id)
      await test.expectListener(listener.id, isThere: false)
      await #expect(throws: ParleyError.notFound(.listener)) {
        try await test.engine.listeners.renew(listener.id, by: Body("{}"), for: test.account)
      }
      // Ended ones take no room.
      for _ in 0..<Listener.liveMax { _ = try await test.engine.listeners.create(body, for: test.account) }
      await #expect(throws: ParleyError.refusedByState(.listenersFull)) { try await test.engine.listeners.create(body, for: test.account) }
    }
  }
}

extension TestEngine {
  fileprivate func expectListener(_ id: Listener.ID, isThere: Bool) async {
    let found = try? await engine.listeners.fetch(id, for: account)
    #expect((found != nil) == isThere)
    let listed = try? await engine.listeners.list(PageRequest(size: 10), for: account).count
    #expect(listed == (isThere ? 1 : 0))
  }
}

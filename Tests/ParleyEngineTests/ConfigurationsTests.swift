import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@Suite struct ConfigurationsTests {
  private static let bridge = #","conversationsV1Bridge":{"serviceId":"IS00000000000000000000000000000001"}"#

  @Test(
    "B-OP-1, B-OP-3, B-OP-5, B-OP-10: a configuration is there, and its operation completed, once the request is answered",
    arguments: TestDatabase.kinds)
  func create(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accepted = try await test.accepted(.profile)
      let configuration = try await test.engine.configurations.fetch(accepted.configurationId, for: test.account)
      #expect((configuration.version, configuration.createdAt, configuration.updatedAt) == (1, test.clock.now, test.clock.now))
      #expect(accepted.statusURL == "https://parley.example/\(accepted.operationId.text)")
      let operation = try await test.engine.operations.fetch(accepted.operationId, for: test.account).value()
      #expect((operation.configurationId, operation.completedAt) == (accepted.configurationId, test.clock.now))
    }
  }

  @Test(
    "B-CFG-6: a bridged service belongs to one configuration of the account; a second is a conflict that names the first",
    arguments: TestDatabase.kinds)
  func bridge(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let first = try await test.configuration(more: Self.bridge)
      await #expect(throws: ParleyError.conflict(.bridge(of: first))) { try await test.configuration(more: Self.bridge) }
      let other = try await test.engine.accounts.create(name: "other").account.id
      _ = try await test.configuration(more: Self.bridge, for: other)
      #expect(try await test.configurations() == 1)
    }
  }

  @Test("B-IDEM-2: the same request under the same key gets the first answer, and nothing is made again", arguments: TestDatabase.kinds)
  func replay(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let key = IdempotencyKey(text: "11111111-1111-1111-1111-111111111111", fingerprint: "one")
      let first = try await test.accepted(under: key)
      test.clock.advance(seconds: 60)
      // The replay keeps the first statusUrl, whatever host asks.
      let again = try await test.engine.configurations.create(
        Body(
          #"{"displayName":"Harbor","description":"","conversationGroupingType":"GROUP_BY_PROFILE","memoryStoreId":"\#(Text.store)"}"#),
        under: key, statusURL: { "https://other.example/\($0.text)" }, for: test.account)
      #expect((again.operationId, again.configurationId, again.statusURL) == (first.operationId, first.configurationId, first.statusURL))
      #expect(try await test.configurations() == 1)
    }
  }

  @Test(
    "B-IDEM-2: a key is remembered for 24 hours to the millisecond; then it is used anew, and the newer answer is remembered",
    arguments: TestDatabase.kinds)
  func expiry(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let key = IdempotencyKey(text: "11111111-1111-1111-1111-111111111111", fingerprint: "one")
      let first = try await test.accepted(under: key)
      test.clock.advance(seconds: 24 * 3600)
      #expect(try await test.accepted(under: key).operationId == first.operationId)

      test.clock.advance(milliseconds: 1)
      // Another request by now, which an unexpired key would refuse.
      let anew = IdempotencyKey(text: key.text, fingerprint: "two")
      let second = try await test.accepted(under: anew)
      #expect(second.operationId != first.operationId)
      #expect(try await test.configurations() == 2)
      #expect(try await test.accepted(under: anew).operationId == second.operationId)
      await #expect(throws: ParleyError.conflict(.idempotencyKeyReused)) { try await test.accepted(under: key) }

      test.clock.advance(seconds: 24 * 3600)
      #expect(try await test.accepted(under: anew).operationId == second.operationId)
      #expect(try await test.configurations() == 2)
    }
  }

  @Test("B-IDEM-3: another request under the same key is a conflict, and nothing is made", arguments: TestDatabase.kinds)
  func otherRequest(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      _ = try await test.accepted(under: IdempotencyKey(text: "11111111-1111-1111-1111-111111111111", fingerprint: "one"))
      await #expect(throws: ParleyError.conflict(.idempotencyKeyReused)) {
        try await test.accepted(under: IdempotencyKey(text: "11111111-1111-1111-1111-111111111111", fingerprint: "two"))
      }
      #expect(try await test.configurations() == 1)
    }
  }

  @Test("B-IDEM-2: a key of one account is nothing to another", arguments: TestDatabase.kinds)
  func otherAccount(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let key = IdempotencyKey(text: "11111111-1111-1111-1111-111111111111", fingerprint: "one")
      let other = try await test.engine.accounts.create(name: "other").account.id
      let first = try await test.accepted(under: key)
      let foreign = try await test.accepted(under: key, for: other)
      #expect(first.operationId != foreign.operationId)
      await #expect(throws: ParleyError.notFound(.configuration)) {
        try await test.engine.configurations.fetch(first.configurationId, for: other)
      }
    }
  }

  @Test("B-IDEM-4, B-IDEM-8: a refused request leaves its key unused", arguments: TestDatabase.kinds)
  func refused(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let key = IdempotencyKey(text: "11111111-1111-1111-1111-111111111111", fingerprint: "one")
      let holder = try await test.configuration(more: Self.bridge)
      await #expect(throws: ParleyError.conflict(.bridge(of: holder))) { try await test.accepted(more: Self.bridge, under: key) }
      let other = IdempotencyKey(text: key.text, fingerprint: "two")
      #expect(try await test.accepted(under: other).configurationId != holder)
      #expect(try await test.configurations() == 2)
    }
  }

  @Test("B-CFG-16: a reused key is said before a service that is taken", arguments: TestDatabase.kinds)
  func conflicts(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let text = "11111111-1111-1111-1111-111111111111"
      _ = try await test.accepted(more: Self.bridge, under: IdempotencyKey(text: text, fingerprint: "one"))
      await #expect(throws: ParleyError.conflict(.idempotencyKeyReused)) {
        try await test.accepted(more: Self.bridge, under: IdempotencyKey(text: text, fingerprint: "two"))
      }
      #expect(try await test.configurations() == 1)
    }
  }

  @Test("B-IDEM-4: requests that come at once under one key all get one answer", arguments: TestDatabase.kinds)
  func atOnce(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      for round in 0..<50 {
        let key = IdempotencyKey(text: "11111111-1111-1111-1111-\(String(100_000_000_000 + round))", fingerprint: "one")
        let operations = try await withThrowingTaskGroup(of: ParleyDomain.Operation.ID.self) { group in
          for _ in 0..<8 { group.addTask { try await test.accepted(under: key).operationId } }
          return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(operations.count == 1)
        #expect(try await test.configurations() == round + 1)
      }
    }
  }
}

extension TestEngine {
  /// How many configurations the account has.
  fileprivate func configurations() async throws -> Int {
    try await engine.configurations.list(memoryStoreId: nil, PageRequest(size: 1000), for: account).count
  }
}

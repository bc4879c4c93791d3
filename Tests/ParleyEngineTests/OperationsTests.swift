import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite struct OperationsTests {
  @Test("B-OP-3: an operation is COMPLETED at the first look, with what it made and no error", arguments: TestDatabase.kinds)
  func fetch(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accepted = try await test.accepted()
      test.clock.advance(seconds: 60)
      let operation = try await Answer(test.engine.operations.fetch(accepted.operationId, for: test.account).document)
      #expect(operation.text("operationId") == accepted.operationId.text)
      #expect(operation.text("status") == "COMPLETED")
      #expect(operation.text("createdAt") == TestClock.start.wholeSeconds)
      #expect(operation.text("completedAt") == TestClock.start.wholeSeconds)
      #expect(try operation.object("related").text("configurationId") == accepted.configurationId.text)
      #expect(operation["error"] == .null)
    }
  }

  @Test("B-OP-6: an operation that never was, or is another account's, is not found", arguments: TestDatabase.kinds)
  func notFound(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accepted = try await test.accepted()
      let other = try await test.engine.accounts.create(name: "other").account.id
      let unknown = try #require(ParleyDomain.Operation.ID("proc_job_00000000000000000000000000"))
      await #expect(throws: ParleyError.notFound(.operation)) { try await test.engine.operations.fetch(unknown, for: test.account) }
      await #expect(throws: ParleyError.notFound(.operation)) { try await test.engine.operations.fetch(accepted.operationId, for: other) }
    }
  }

  @Test("B-IDEM-9: a request that is repeated gets its answer also when the operation is gone", arguments: TestDatabase.kinds)
  func replay(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let key = IdempotencyKey(text: "11111111-1111-1111-1111-111111111111", fingerprint: "one")
      let first = try await test.accepted(under: key)
      let (later, never) = (test.clock.now.adding(.seconds(1)), Timestamp(milliseconds: 0))
      try await test.engine.database.write(for: test.account) { tx in
        let expired = try tx.expiredRows(deliveriesBefore: never, operationsBefore: later, listenersBefore: never, limit: 10)
        try tx.purge(expired, keysBefore: never, listenersBefore: never)
      }
      await #expect(throws: ParleyError.notFound(.operation)) {
        try await test.engine.operations.fetch(first.operationId, for: test.account)
      }
      let again = try await test.accepted(under: key)
      #expect((again.operationId, again.configurationId) == (first.operationId, first.configurationId))
    }
  }
}

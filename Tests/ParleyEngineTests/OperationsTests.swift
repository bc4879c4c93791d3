import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

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
}

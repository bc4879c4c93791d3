import Foundation
import Logging
import NIOCore
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyEngine

/// What this process lacks is not what a receiver did.
@Suite struct OwnShortageTests {
  @Test(
    "A connection that fails for want of files or memory here is no failure of the receiver; others are",
    arguments: [
      (EMFILE, true), (ENFILE, true), (ENOBUFS, true), (ENOMEM, true), (ECONNREFUSED, false), (EACCES, false), (ECONNRESET, false),
    ])
  func codes(_ code: Int32, isOwn: Bool) {
    let failure = WebhookFailure(IOError(errnoCode: code, reason: "socket"))
    #expect((failure.kind == .interrupted) == isOwn)
    #expect(failure.reason?.isEmpty == false)
  }

  @Test("What could not be sent counts nothing, and its lane rests until the time that is said", arguments: TestDatabase.kinds)
  func rests(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.told(receiver.url, kind) { test, _, id in
        let attempts = Mutex<[Int64]>([])
        let engine = test.engine
        let loop = JobLoop(engine: engine, settings: .exact, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
        } prepare: { _, leased in
          { job in
            guard leased.lane.account != nil else { return JobResult(.done) }
            attempts.withLock { $0.append(job.attempts) }
            return JobResult(.notNow(until: engine.now().adding(.seconds(1))))
          }
        }
        for (milliseconds, count) in [(0, 1), (999, 1), (1, 2), (1000, 3)] as [(Int64, Int)] {
          test.clock.advance(milliseconds: milliseconds)
          await loop.runUntilIdle()
          #expect(attempts.withLock { $0 } == Array(repeating: 0, count: count))
        }
        #expect(try await test.log(id) == .init(state: "PENDING", attempts: []))
        test.clock.advance(seconds: 1)
        try await test.loop(.exact) { await $0.runUntilIdle() }
        #expect(try await test.log(id) == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
      }
    }
  }
}

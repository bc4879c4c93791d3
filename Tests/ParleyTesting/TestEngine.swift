import ParleyDomain
import ParleyEngine
import ParleyStorage
import Synchronization

/// An engine on a database of its own, with time that stands still until a test moves it, ids that are counted, and one account.
package struct TestEngine: Sendable {
  package let engine: Engine
  package let clock: TestClock
  package let account: Account.ID
  /// Where the database file is.
  package let path: String

  /// Runs a test on a fresh engine, which ends with it.
  package static func with(_ kind: TestDatabase.Kind = .sqlite, _ test: (TestEngine) async throws -> Void) async throws {
    let opened = try TestDatabase(kind)
    do {
      try await test(TestEngine(opened))
      await opened.end()
    } catch {
      await opened.end()
      throw error
    }
  }

  private init(_ opened: TestDatabase) async throws {
    guard let key = SecretKey(Array(0..<UInt8(SecretKey.byteCount))) else { throw StartFailure("32 bytes were no key") }
    let clock = TestClock()
    engine = Engine(
      database: opened.database, key: key, callbacks: CallbackPolicy(allowPrivate: false), clock: { clock.now },
      ids: IDGenerator(random: CountedBits()))
    self.clock = clock
    path = opened.path
    account = try await engine.accounts.create(name: "test").account.id
  }
}

/// Time that a test moves.
package final class TestClock: Sendable {
  /// 2026-01-02T03:04:05Z
  package static let start = Timestamp(milliseconds: 1_767_323_045_000)

  private let time = Mutex(TestClock.start)

  package var now: Timestamp { time.withLock { $0 } }

  package func advance(seconds: Int64) { advance(milliseconds: seconds * 1000) }

  package func advance(milliseconds: Int64) {
    time.withLock { $0 = Timestamp(milliseconds: $0.milliseconds + milliseconds) }
  }
}

/// Bits that only count, so that ids come out the same each time.
private struct CountedBits: RandomNumberGenerator, Sendable {
  private var count: UInt64 = 0

  mutating func next() -> UInt64 {
    count += 1
    return count
  }
}

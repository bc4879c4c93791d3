import Logging
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

  /// Runs a test on a fresh engine, which ends with it. `policy` says where its callbacks may lead.
  package static func with(
    _ kind: TestDatabase.Kind = .sqlite, policy: CallbackPolicy = CallbackPolicy(allowPrivate: false),
    _ test: (TestEngine) async throws -> Void
  ) async throws {
    let opened = try TestDatabase(kind)
    do {
      try await test(TestEngine(opened, policy))
      await opened.end()
    } catch {
      await opened.end()
      throw error
    }
  }

  /// Runs a test with a loop of the engine, by itself the only one. Nothing is open behind it when the test ends. The loop rests until the
  /// test runs it.
  package func loop<Value>(
    _ settings: WebhookSettings = WebhookSettings(), names: any HostResolver = TestNames(), _ test: (JobLoop) async throws -> Value
  ) async throws -> Value {
    let sender = WebhookSender(addresses: AddressGuard(policy: engine.callbacks, resolver: names, lifetime: .zero), settings: settings)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    do {
      let value = try await test(JobLoop(engine: engine, settings: settings, sender: sender, logger: logger))
      await sender.shutDown()
      return value
    } catch {
      await sender.shutDown()
      throw error
    }
  }

  private init(_ opened: TestDatabase, _ policy: CallbackPolicy) async throws {
    guard let key = SecretKey(Array(0..<UInt8(SecretKey.byteCount))) else { throw StartFailure("32 bytes were no key") }
    let clock = TestClock()
    engine = Engine(
      database: opened.database, key: key, callbacks: policy, clock: { clock.now },
      ids: IDGenerator(random: CountedBits()))
    self.clock = clock
    path = opened.path
    account = try await engine.accounts.create(name: "test").account.id
  }
}

/// A name server of a test: each name has its answers, and gives one after the other, the last again and again. Others are unknown.
package final class TestNames: HostResolver {
  package struct Unknown: Error {}

  private let answers: Mutex<[String: [String]]>

  package init(_ answers: [String: [String]] = [:]) { self.answers = Mutex(answers) }

  package func addresses(of host: String) async throws -> [IPAddress] {
    let answer = answers.withLock { answers in
      let rest = answers[host] ?? []
      if rest.count > 1 { answers[host] = Array(rest.dropFirst()) }
      return rest.first
    }
    guard let address = answer.flatMap({ IPAddress($0) }) else { throw Unknown() }
    return [address]
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

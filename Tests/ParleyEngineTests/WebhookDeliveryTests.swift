import Foundation
import NIOSSL
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

/// One delivery to a receiver that is good or bad: how often it is tried, and what of it stands in the log.
@Suite struct WebhookDeliveryTests {
  @Test("B-HOOK-32: 500 is tried again after 1 s, 5 s and 25 s under one token, then given up", arguments: TestDatabase.kinds)
  func serverError(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with(always: .status(500, body: "no")) { receiver in
      try await TestEngine.told(receiver.url, kind) { test, loop, id in
        for (count, wait) in [1000, 5000, 25000].enumerated() {
          await loop.runUntilIdle()
          #expect(try await test.log(id).state == "PENDING")
          #expect(try await test.log(id).attempts.last == .init(status: 500, reply: "no", wait: Int64(wait)))
          test.clock.advance(milliseconds: Int64(wait) - 1)
          await loop.runUntilIdle()
          #expect(receiver.received.count == count + 1, "nothing is sent before its time")
          test.clock.advance(milliseconds: 1)
        }
        await loop.runUntilIdle()
        test.clock.advance(seconds: 7200)
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log.state == "FAILED")
        #expect(log.attempts.map(\.wait) == [1000, 5000, 25000, nil])
        let requests = receiver.received
        #expect(requests.count == 4)
        #expect(Set(requests.map { $0["I-Twilio-Idempotency-Token"] }).count == 1)
        #expect(Set(requests.map { $0["Twilio-Request-Id"] }).count == 1)
        #expect(Set(requests.map { $0["X-Twilio-Signature"] }).count == 1)
        #expect(Set(requests.map(\.text)).count == 1)
      }
    }
  }

  @Test("B-HOOK-32: the waits are spread at random, each within its bounds")
  func jitter() {
    let settings = WebhookSettings()
    for (failures, seconds) in [(0, 1), (1, 5), (2, 25)] as [(Int64, Int64)] {
      let delays = (0..<200).compactMap { _ in settings.delay(afterFailures: failures, retryAfter: nil) }
      #expect(delays.count == 200 && Set(delays).count > 1)
      #expect(delays.allSatisfy { ($0 >= .milliseconds(seconds * 800)) && ($0 <= .milliseconds(seconds * 1200)) })
    }
    #expect(settings.delay(afterFailures: 3, retryAfter: .seconds(1)) == nil)
  }

  @Test("B-HOOK-32: an operator's longer schedule goes on with 2 min, 10 min and every hour")
  func longSchedule() async throws {
    var settings = WebhookSettings.exact
    settings.retries = 8
    try await TestReceiver.with(always: .status(502)) { receiver in
      try await TestEngine.told(receiver.url, settings) { test, loop, id in
        let waits: [Int64] = [1, 5, 25, 120, 600, 3600, 3600, 3600]
        for wait in waits {
          await loop.runUntilIdle()
          test.clock.advance(seconds: wait)
        }
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log.attempts.map(\.wait) == waits.map { $0 * 1000 } + [nil])
        #expect(log.state == "FAILED")
      }
    }
  }

  @Test(
    "B-HOOK-32: Retry-After in seconds is honoured up to 60, and never shortens the schedule",
    arguments: [(503, "7", 7000), (429, "60", 60000), (503, "3600", 60000), (429, "0", 1000), (503, "soon", 1000)])
  func retryAfter(status: Int, header: String, wait: Int64) async throws {
    try await TestReceiver.with(always: .status(status, headers: [("Retry-After", header)])) { receiver in
      try await TestEngine.told(receiver.url) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log.attempts == [.init(status: Int64(status), wait: wait)])
      }
    }
  }

  @Test("B-HOOK-32: Retry-After may be a date; one that is far off counts as 60 s")
  func retryAfterDate() async throws {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    let date = format.string(from: Date(timeIntervalSince1970: Double(SystemClock.now().milliseconds / 1000 + 7200)))
    try await TestReceiver.with(always: .status(503, headers: [("Retry-After", date)])) { receiver in
      try await TestEngine.told(receiver.url) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log.attempts == [.init(status: 503, wait: 60000)])
      }
    }
  }

  @Test("B-HOOK-32: 408, 425 and 429 are tried again", arguments: [408, 425, 429])
  func retriedStatus(status: Int) async throws {
    try await TestReceiver.with({ _, number in .status(number == 1 ? status : 204) }) { receiver in
      try await TestEngine.told(receiver.url) { test, loop, id in
        await loop.runUntilIdle()
        test.clock.advance(seconds: 1)
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "DELIVERED", attempts: [.init(status: Int64(status), wait: 1000), .init(status: 204)]))
      }
    }
  }

  @Test("B-HOOK-32: other statuses of 3xx and 4xx are not tried again", arguments: [304, 400, 401, 403, 404, 410, 422])
  func refused(status: Int) async throws {
    try await TestReceiver.with(always: .status(status)) { receiver in
      try await TestEngine.told(receiver.url) { test, loop, id in
        await loop.runUntilIdle()
        test.clock.advance(seconds: 3600)
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "FAILED", attempts: [.init(status: Int64(status))]))
        #expect(receiver.received.count == 1)
      }
    }
  }

  @Test("B-HOOK-21: a redirect is a failure, and where it leads hears nothing", arguments: [301, 302, 303, 307, 308])
  func redirect(status: Int) async throws {
    try await TestReceiver.with { other in
      try await TestReceiver.with(always: .status(status, headers: [("Location", other.url)])) { receiver in
        try await TestEngine.told(receiver.url) { test, loop, id in
          await loop.runUntilIdle()
          let log = try await test.log(id)
          #expect(log == .init(state: "FAILED", attempts: [.init(status: Int64(status))]))
          #expect(other.connections == 0)
        }
      }
    }
  }

  @Test("B-HOOK-31: a receiver that hangs is a timeout, and tried again")
  func hang() async throws {
    var settings = WebhookSettings.exact
    settings.totalTime = .milliseconds(200)
    try await TestReceiver.with(always: .hang) { receiver in
      try await TestEngine.told(receiver.url, settings) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: [.init(failure: "timeout", wait: 1000)]))
        try await receiver.connectionsClosed(count: 1)
      }
    }
  }

  @Test("B-HOOK-32: a connection that ends before there is an answer is a reset, and tried again")
  func closedAtOnce() async throws {
    try await TestReceiver.with({ _, number in number == 1 ? .closeAtOnce : .status(200) }) { receiver in
      try await TestEngine.told(receiver.url) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: [.init(failure: "reset", wait: 1000)]))
        #expect(receiver.received.count == 1, "the client does not try again by itself")
      }
    }
  }

  @Test("B-HOOK-31: 200 whose body ends in the middle is a success, because its head came")
  func resetInBody() async throws {
    try await TestReceiver.with(always: .resetInMiddle) { receiver in
      try await TestEngine.told(receiver.url) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect((log.state, log.attempts.map(\.status)) == ("DELIVERED", [200]))
      }
    }
  }

  @Test("B-HOOK-31: of a reply of 10 MB no more than 64 KiB are read, and 4 KiB are kept")
  func bigReply() async throws {
    try await TestReceiver.with(always: .bigReply(bytes: 10 << 20)) { receiver in
      try await TestEngine.told(receiver.url) { test, loop, id in
        await loop.runUntilIdle()
        let reply = String(repeating: "b", count: 4096)
        let log = try await test.log(id)
        #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200, reply: reply)]))
        try await receiver.connectionsClosed(count: 1)
        #expect(receiver.bytesWritten < 5 << 20)
      }
    }
  }

  @Test("B-HOOK-31: 200 with a body that never ends is a success, and ends with the time of the attempt")
  func drip() async throws {
    var settings = WebhookSettings.exact
    settings.totalTime = .seconds(5)
    try await TestReceiver.with(always: .drip(everyMilliseconds: 100)) { receiver in
      try await TestEngine.told(receiver.url, settings) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect((log.state, log.attempts.map(\.status)) == ("DELIVERED", [200]))
        try await receiver.connectionsClosed(count: 1)
      }
    }
  }

  @Test("B-HOOK-32: a closed port is a failure to connect, and tried again")
  func closedPort() async throws {
    try await ClosedPort.with { port in
      try await TestEngine.told("http://127.0.0.1:\(port)/hook") { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: [.init(failure: "connect", wait: 1000)]))
      }
    }
  }

  @Test("B-HOOK-31: a host that answers nothing is a failure to connect, after the time for that")
  func deadHost() async throws {
    var settings = WebhookSettings.exact
    settings.connectTime = .milliseconds(100)
    try await DeadHost.with { port in
      try await TestEngine.told("http://127.0.0.1:\(port)/hook", settings) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: [.init(failure: "connect", wait: 1000)]))
      }
    }
  }

  @Test("B-HOOK-32: a name without an address is a failure of DNS, and tried again")
  func unknownName() async throws {
    try await TestEngine.told("http://hooks.test/hook") { test, loop, id in
      await loop.runUntilIdle()
      let log = try await test.log(id)
      #expect(log == .init(state: "PENDING", attempts: [.init(failure: "dns", wait: 1000)]))
    }
  }

  @Test("B-HOOK-22: a certificate of another name or of another authority is refused, and tried again", arguments: [true, false])
  func badCertificate(isOfAnotherName: Bool) async throws {
    let certificate = try isOfAnotherName ? TestCertificate.ofAnotherName() : TestCertificate.ofAnotherAuthority()
    try await TestReceiver.with(tls: certificate) { receiver in
      try await TestEngine.told(
        receiver.url(host: "hooks.test"), .trusting(), names: TestNames(["hooks.test": ["127.0.0.1"]])
      ) { test, loop, id in
        await loop.runUntilIdle()
        let log = try await test.log(id)
        #expect(log == .init(state: "PENDING", attempts: [.init(failure: "tls", wait: 1000)]))
        #expect(receiver.received.isEmpty)
      }
    }
  }

  @Test("B-HOOK-22: a good certificate of a known authority is accepted, for a name and for an address")
  func goodCertificate() async throws {
    try await TestReceiver.with(tls: .good()) { receiver in
      for host in ["hooks.test", "127.0.0.1"] {
        try await TestEngine.told(receiver.url(host: host), .trusting(), names: TestNames(["hooks.test": ["127.0.0.1"]])) {
          test, loop, id in
          await loop.runUntilIdle()
          let log = try await test.log(id)
          #expect(log == .init(state: "DELIVERED", attempts: [.init(status: 200)]))
        }
      }
      #expect(receiver.received.map { $0["Host"] } == ["hooks.test:\(receiver.port)", "127.0.0.1:\(receiver.port)"])
    }
  }
}

/// What the log says of a delivery.
struct DeliveryLog: Equatable {
  struct Attempt: Equatable {
    var status: Int64?
    var failure: String?
    var reply = ""
    /// Milliseconds from its begin to the next, by the test's clock.
    var wait: Int64?
  }

  let state: String
  let attempts: [Attempt]
}

extension TestEngine {
  /// Runs a test with an engine that may call this machine, and a loop of it.
  static func calling(
    _ kind: TestDatabase.Kind = .sqlite, _ settings: WebhookSettings = .exact, names: any HostResolver = TestNames(),
    _ test: (TestEngine, JobLoop) async throws -> Void
  ) async throws {
    try await with(kind, policy: CallbackPolicy(allowPrivate: true)) { engine in
      try await engine.loop(settings, names: names) { try await test(engine, $0) }
    }
  }

  /// The same with one event that waits for a URL.
  static func told(
    _ url: String, _ kind: TestDatabase.Kind = .sqlite, _ settings: WebhookSettings = .exact, names: any HostResolver = TestNames(),
    _ test: (TestEngine, JobLoop, Delivery.ID) async throws -> Void
  ) async throws {
    try await calling(kind, settings, names: names) { engine, loop in
      _ = try await engine.conversation(engine.configuration(more: Text.callbacks(url)))
      try await test(engine, loop, #require(engine.deliveries().first).id())
    }
  }

  static func told(
    _ url: String, _ settings: WebhookSettings, names: any HostResolver = TestNames(),
    _ test: (TestEngine, JobLoop, Delivery.ID) async throws -> Void
  ) async throws {
    try await told(url, .sqlite, settings, names: names, test)
  }

  func log(_ id: Delivery.ID) async throws -> DeliveryLog {
    let delivery = try await self.delivery(id)
    let attempts = try #require(delivery.list("attempts")).map { attempt in
      let startedAt = try #require(attempt.text("startedAt").flatMap { Timestamp(rfc3339: $0) })
      let next = attempt.text("nextAttemptAt").flatMap { Timestamp(rfc3339: $0) }
      var status: Int64?
      if case .number(let number) = attempt["status"] { status = Int64(number.text) }
      return DeliveryLog.Attempt(
        status: status, failure: attempt.text("failure"), reply: attempt.text("reply") ?? "",
        wait: next.map { $0.milliseconds - startedAt.milliseconds })
    }
    return try DeliveryLog(state: #require(delivery.text("state")), attempts: attempts)
  }
}

extension WebhookSettings {
  /// The product's, but for the chance in the waits and what is kept of replies from this machine.
  static let exact: WebhookSettings = {
    var settings = WebhookSettings()
    settings.jitter = 1...1
    settings.keepsPrivateReplies = true
    return settings
  }()

  /// The same for receivers that a test holds, however slow the machine is: attempts go by its clock, and leases by the test's.
  static let patient: WebhookSettings = {
    var settings = exact
    (settings.totalTime, settings.lease) = (.seconds(300), .seconds(400))
    return settings
  }()

  /// The product's, exact, with trust in the tests' authority.
  static func trusting() throws -> WebhookSettings {
    var settings = exact
    settings.trustRoots = .certificates([try TestCertificate.authority()])
    return settings
  }
}

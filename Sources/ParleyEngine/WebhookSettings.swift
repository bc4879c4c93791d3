import NIOSSL
import ParleyDomain

/// The schedule and the limits of the loop and its deliveries, as one value: tests pass small ones.
package struct WebhookSettings: Sendable {
  /// Most retries that an operator may ask for.
  package static let retriesMax = 60

  /// Lanes in progress on this node, and to one host and port.
  package var concurrency = 100
  package var perHost = 10
  /// Own work in progress, such as the purge.
  package var inner = 2
  /// Retries after the first attempt; then the event is given up (B-HOOK-32).
  package var retries = 3
  /// How long finished deliveries are kept.
  package var logDays = 7
  /// Events that may wait for one URL of an account; beyond, the oldest are given up.
  package var backlog = 100_000

  /// What is waited before each retry; the last goes on for the others.
  package var delays: [Duration] = [.seconds(1), .seconds(5), .seconds(25), .seconds(120), .seconds(600), .seconds(3600)]
  /// By what a delay is multiplied, at random.
  package var jitter: ClosedRange<Double> = 0.8...1.2
  /// The longest wait that a receiver may ask for by Retry-After.
  package var retryAfterMax = Duration.seconds(60)

  /// Time to connect, and of an attempt in all (B-HOOK-31).
  package var connectTime = Duration.seconds(5)
  package var totalTime = Duration.seconds(15)
  /// Bytes of a reply that are read.
  package var replyBytesMax = 64 << 10
  /// How long a connection is kept for the next delivery: shorter than receivers usually do, who would close it in our face.
  package var idleTime = Duration.milliseconds(1500)

  /// How long a worker has a lane without a word. No attempt is begun that might outlast it.
  package var lease = Duration.seconds(20)
  /// How often all lanes are looked at: what other nodes left is found by that.
  package var poll = Duration.seconds(1)
  /// Jobs that a worker does in one lane while others wait for its place, and how long it goes on with them.
  package var jobsPerTurn = 32
  package var turnTime = Duration.seconds(5)
  /// Jobs of a lane that are read at once, and how long what came of them may wait to be noted. A process that is killed meanwhile leaves
  /// them to be done again.
  package var jobsAhead = 16
  package var noteAfter = Duration.milliseconds(20)
  /// How often what waits is counted, and what is past its time is taken away.
  package var watch = Duration.seconds(5)
  package var purge = Duration.seconds(60)
  /// Rows taken away in one transaction.
  package var purgeStep = 200
  /// How long attempts in flight may go on when the server stops; then they are handed back.
  package var stopTime = Duration.seconds(5)

  /// Whether the text of replies from private hosts is kept: for tests of what is kept, because all their receivers are on this machine.
  package var keepsPrivateReplies = false

  /// Whom a receiver's certificate must come from.
  package var trustRoots = NIOSSLTrustRoots.default

  package init() {}

  /// How long to wait before the next attempt; nil when there is none. `failures` counts those before this one.
  func delay(afterFailures failures: Int64, retryAfter: Duration?) -> Duration? {
    guard failures < Int64(retries), let last = delays.last else { return nil }
    let scheduled = (failures < Int64(delays.count) ? delays[Int(failures)] : last) * Double.random(in: jitter)
    return max(scheduled, min(retryAfter ?? .zero, retryAfterMax))
  }
}

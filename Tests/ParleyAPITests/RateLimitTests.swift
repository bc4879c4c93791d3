import Testing

@testable import ParleyAPI

@Suite("B-RATE-2: a bucket of tokens")
struct RateLimitTests {
  private let start = ContinuousClock.now

  private func after(_ duration: Duration) -> ContinuousClock.Instant { start.advanced(by: duration) }

  /// How many tokens there are to take at one instant.
  private func tokens(_ bucket: TokenBucket, at instant: ContinuousClock.Instant) -> Int {
    (0..<1000).prefix { _ in bucket.take(now: instant).isTaken }.count
  }

  @Test("one second's worth at once, then one at a time as they come back")
  func burst() {
    let bucket = TokenBucket(perSecond: 10, now: start)
    #expect(tokens(bucket, at: start) == 10)
    #expect(tokens(bucket, at: after(.milliseconds(99))) == 0)
    #expect(tokens(bucket, at: after(.milliseconds(100))) == 1)
    #expect(tokens(bucket, at: after(.milliseconds(450))) == 3)
    #expect(tokens(bucket, at: after(.milliseconds(500))) == 1)
  }

  @Test("never more than one second's worth, however long nobody asked")
  func full() {
    let bucket = TokenBucket(perSecond: 10, now: start)
    #expect(tokens(bucket, at: after(.seconds(1_000_000_000))) == 10)
    #expect(tokens(bucket, at: after(.seconds(1_000_000_000))) == 0)
  }

  @Test("parts of a token that come back between requests add up")
  func fractions() {
    let bucket = TokenBucket(perSecond: 3, now: start)
    #expect(tokens(bucket, at: start) == 3)
    var taken = 0
    for millisecond in 1...10_000 where bucket.take(now: after(.milliseconds(millisecond))).isTaken { taken += 1 }
    #expect(taken == 30)
  }

  @Test("time that goes back gives nothing and takes nothing")
  func backwards() {
    let bucket = TokenBucket(perSecond: 2, now: after(.seconds(10)))
    #expect(tokens(bucket, at: start) == 2)
    #expect(tokens(bucket, at: after(.seconds(10))) == 0)
    #expect(tokens(bucket, at: after(.seconds(11))) == 2)
  }

  @Test("B-RATE-1: a refusal says a whole number of seconds, at least one, after which there is a token", arguments: [1, 2, 100_000])
  func retryAfter(_ perSecond: Int) {
    let bucket = TokenBucket(perSecond: perSecond, now: start)
    while bucket.take(now: start).isTaken {}
    let refusal = bucket.take(now: start)
    #expect(refusal.retryAfterSeconds >= 1)
    #expect(bucket.take(now: after(.seconds(refusal.retryAfterSeconds))).isTaken)
  }

  @Test("0 is no limit")
  func none() {
    #expect(tokens(TokenBucket(perSecond: 0, now: start), at: start) == 1000)
  }
}

import Synchronization

/// Counts of answers by path and class of status, with their durations. Adding is a few atomic additions, no lock.
final class HTTPCounts: Sendable {
  /// Upper bounds of the histogram's buckets, in microseconds.
  static let bounds = [500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000]
  /// Paths that can be counted apart; a test holds the table of routes below it.
  static let pathsMax = 63

  struct Path: Sendable {
    /// By the first digit of the status.
    var classes: [Int]
    /// Cumulative, one more than there are bounds.
    var buckets: [Int]
    var microseconds: Int

    var count: Int { classes.reduce(0, +) }
  }

  private final class Counter: Sendable {
    private let number = Atomic<Int>(0)

    func add(_ more: Int = 1) { number.add(more, ordering: .relaxed) }
    var now: Int { number.load(ordering: .relaxed) }
  }

  private final class Counters: Sendable {
    let classes = (0..<6).map { _ in Counter() }
    let buckets = (0...HTTPCounts.bounds.count).map { _ in Counter() }
    let microseconds = Counter()
  }

  private let paths = (0...HTTPCounts.pathsMax).map { _ in Counters() }

  /// Counts an answer of the path with the index; nil for a path that is not served.
  func count(path index: Int?, status: Int, microseconds: Int) {
    let counters = paths[min(index ?? Self.pathsMax, Self.pathsMax)]
    counters.classes[min(status / 100, 5)].add()
    counters.buckets[Self.bounds.firstIndex { microseconds <= $0 } ?? Self.bounds.count].add()
    counters.microseconds.add(microseconds)
  }

  /// The counts of the path with the index; nil for paths that are not served.
  func counts(path index: Int?) -> Path {
    let counters = paths[index ?? Self.pathsMax]
    var total = 0
    let buckets = counters.buckets.map { counter in
      total += counter.now
      return total
    }
    return Path(classes: counters.classes.map(\.now), buckets: buckets, microseconds: counters.microseconds.now)
  }
}

import ParleyDomain
import ParleyStorage
import Synchronization

/// The places of one loop: how many lanes it has in hand, by host, and when more are known to be due.
final class LaneSlots: Sendable {
  private struct State {
    var inHand: [String: Int] = [:]
    var total = 0
    /// When lanes of a host are next known to be due, and which mark is the last. What is not known here is found at the next look at all.
    var due: [String: (time: Timestamp, mark: Int)] = [:]
    var marks = 0
    /// When each host last got a place, by the number of the lease.
    var served: [String: Int] = [:]
    var leases = 0
    /// No suspect is taken before that.
    var suspectsFrom = ContinuousClock.now

    /// Those that call somebody.
    var outer: Int { total - inHand["", default: 0] }

    /// Takes places, or gives them back where `count` is negative.
    mutating func take(_ count: Int, of host: String) {
      total += count
      if count > 0 { served[host] = leases }
      let left = inHand[host, default: 0] + count
      inHand[host] = left > 0 ? left : nil
    }
  }

  /// Hosts whose turns are remembered.
  private static let hostsMax = 10_000

  private let settings: WebhookSettings
  /// Names the loop in the leases that it takes.
  private let name = Delivery.newToken()
  private let state = Mutex(State())

  init(_ settings: WebhookSettings) { self.settings = settings }

  /// Lanes in hand.
  var total: Int { state.withLock { $0.total } }

  /// Lanes in hand that call somebody.
  var outer: Int { state.withLock { $0.outer } }

  // MARK: - Places

  /// Takes a place for a lane that is just being made; nil where there is none, or where other lanes of its host wait.
  func takeOne(for lane: Lane, at now: Timestamp) -> LeasedLane? {
    let host = lane.host
    return state.withLock { state in
      let free = settings.concurrency - state.outer
      guard places(for: host, in: state, free: free) > 0 else { return nil }
      // Those that wait come first: the others of its host, and one of each other host.
      var waiting = 0
      for (other, due) in state.due where due.time <= now && !other.isEmpty {
        waiting += 1
        if other == host || waiting >= free { return nil }
      }
      let lease = nextLease(&state)
      state.take(1, of: host)
      return LeasedLane(lane: lane, lease: lease, until: now.adding(settings.lease))
    }
  }

  /// Takes places for lanes to claim: of which hosts, how many of each, and under which lease; none where nothing is due or no place is free.
  /// Who has waited longest for a place comes first.
  func takeDue(at now: Timestamp) -> (hosts: [(host: String, limit: Int)], lease: String) {
    state.withLock { state in
      var free = settings.concurrency - state.outer
      let due = state.due.filter { $0.value.time <= now }.map { (host: $0.key, turn: state.served[$0.key] ?? 0, time: $0.value.time) }
      let hosts = due.sorted { ($0.turn, $0.time) < ($1.turn, $1.time) }.compactMap { host, _, _ -> (host: String, limit: Int)? in
        let limit = places(for: host, in: state, free: free)
        guard limit > 0 else { return nil }
        if !host.isEmpty { free -= limit }
        return (host, limit)
      }
      guard !hosts.isEmpty else { return ([], "") }
      let lease = nextLease(&state)
      for (host, limit) in hosts { state.take(limit, of: host) }
      return (hosts, lease)
    }
  }

  /// Gives back places that were taken for a claim and for which there was no lane.
  func giveBack(_ count: Int, of host: String) { state.withLock { $0.take(-count, of: host) } }

  /// Gives the place of a lane back; answers whether lanes are due that may have waited for it.
  func giveBack(_ host: String, at now: Timestamp) -> Bool {
    state.withLock { state in
      state.take(-1, of: host)
      return state.due.values.contains { $0.time <= now }
    }
  }

  /// Takes no suspect for a while: one was left in the middle, and its lease still stands.
  func holdSuspects(until instant: ContinuousClock.Instant) { state.withLock { $0.suspectsFrom = max($0.suspectsFrom, instant) } }

  /// Lanes of a host that may be taken. One host never has more than half of the places that others leave, so that there are some for others.
  private func places(for host: String, in state: State, free: Int) -> Int {
    let own = state.inHand[host, default: 0]
    if host.isEmpty { return settings.inner - own }
    if host == Lane.suspects { return free > 0 && own == 0 && state.suspectsFrom <= .now ? 1 : 0 }
    return free <= 0 ? 0 : min(settings.perHost, max(1, (free + own) / 2)) - own
  }

  private func nextLease(_ state: inout State) -> String {
    state.leases += 1
    // Whoever is forgotten comes first once.
    if state.served.count > Self.hostsMax { state.served = [:] }
    return "\(name)/\(state.leases)"
  }

  // MARK: - When lanes are due

  /// What is expected from now on has a later mark: to be asked for before the database is looked at.
  var mark: Int { state.withLock { $0.marks } }

  /// Takes over what a look at all lanes found, and keeps what was expected since.
  func setDue(_ times: [(host: String, due: Timestamp)], since mark: Int) {
    state.withLock { state in
      let later = state.due.filter { $0.value.mark > mark }
      state.due = Dictionary(times.map { ($0.host, ($0.due, mark)) }) { first, _ in first }
      state.due.merge(later) { $0.time < $1.time ? $0 : $1 }
    }
  }

  /// The same for one host, which has no lane where there is no time.
  func setDue(_ host: String, at time: Timestamp?, since mark: Int) {
    state.withLock { state in
      if let known = state.due[host], known.mark > mark { return }
      state.due[host] = time.map { ($0, mark) }
    }
  }

  /// Lanes of a host are due at a time, if not before.
  func expect(_ host: String, at time: Timestamp) {
    state.withLock { state in
      state.marks += 1
      state.due[host] = (min(state.due[host]?.time ?? time, time), state.marks)
    }
  }

  /// The hosts that are said to have lanes that are due.
  func dueHosts(at now: Timestamp) -> [String] { state.withLock { state in state.due.filter { $0.value.time <= now }.map(\.key) } }

  /// Whether a place of the host is needed by another lane: one of its own, or of any host when all places are taken.
  func isWaitedFor(_ host: String, at now: Timestamp) -> Bool {
    state.withLock { state in
      let isFull = state.outer >= settings.concurrency
      return state.due.contains { $0.value.time <= now && ($0.key == host || isFull) }
    }
  }

  /// Nothing is looked at before that time.
  func postpone(to time: Timestamp) {
    state.withLock { state in state.due = state.due.mapValues { (max($0.time, time), $0.mark) } }
  }

  /// How long nothing is due that can be claimed. A host without a free place is waited for by whoever has one.
  func untilDue(at now: Timestamp) -> Duration? {
    let earliest = state.withLock { state in
      let free = settings.concurrency - state.outer
      return state.due.filter { places(for: $0.key, in: state, free: free) > 0 }.values.map(\.time).min()
    }
    return earliest.map { .milliseconds(max(0, $0.milliseconds - now.milliseconds)) }
  }
}

/// The places that one change takes for the lanes that it makes: they are leased from the start, and no claim has to follow the commit.
/// Whether a lane was made, or was there already and belongs to whoever has it, is seen when it is worked on.
final class TakenLanes: Sendable {
  private let slots: LaneSlots?
  private let lanes = Mutex<[String: LeasedLane]>([:])

  /// `slots` is nil where no loop runs; then none is taken.
  init(_ slots: LaneSlots?) { self.slots = slots }

  /// Takes a lane; nil where there is no place for it. A change that runs again gets the same.
  func take(_ lane: Lane, at now: Timestamp) -> LeasedLane? {
    guard let slots else { return nil }
    return lanes.withLock { lanes in
      if let taken = lanes[lane.id] { return taken }
      let taken = slots.takeOne(for: lane, at: now)
      lanes[lane.id] = taken
      return taken
    }
  }

  /// What was taken. It goes to the loop whatever became of the change.
  var all: [LeasedLane] { lanes.withLock { Array($0.values) } }
}

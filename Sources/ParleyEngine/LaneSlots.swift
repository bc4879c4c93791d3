import ParleyDomain
import ParleyStorage
import Synchronization

/// The places of one loop: how many lanes it has in hand, by host, and when more are known to be due.
final class LaneSlots: Sendable {
  private struct State {
    var inHand: [String: Int] = [:]
    var total = 0
    /// When lanes of a host are next known to be due. What is not known here is found at the next look at all lanes.
    var due: [String: Timestamp] = [:]
    var leases = 0

    /// Those that call somebody.
    var outer: Int { total - inHand["", default: 0] }

    /// Takes places, or gives them back where `count` is negative.
    mutating func take(_ count: Int, of host: String) {
      total += count
      let left = inHand[host, default: 0] + count
      inHand[host] = left > 0 ? left : nil
    }
  }

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
      if let due = state.due[host], due <= now { return nil }
      guard places(for: host, in: state, free: settings.concurrency - state.outer) > 0 else { return nil }
      state.take(1, of: host)
      return LeasedLane(lane: lane, lease: nextLease(&state), until: now.adding(settings.lease))
    }
  }

  /// Takes places for lanes to claim: of which hosts, how many of each, and under which lease; none where nothing is due or no place is free.
  func takeDue(at now: Timestamp) -> (hosts: [(host: String, limit: Int)], lease: String) {
    state.withLock { state in
      var free = settings.concurrency - state.outer
      let due = state.due.filter { $0.value <= now }.sorted { $0.value < $1.value }
      let hosts = due.compactMap { host, _ -> (host: String, limit: Int)? in
        let limit = places(for: host, in: state, free: free)
        guard limit > 0 else { return nil }
        if !host.isEmpty { free -= limit }
        return (host, limit)
      }
      for (host, limit) in hosts { state.take(limit, of: host) }
      return (hosts, hosts.isEmpty ? "" : nextLease(&state))
    }
  }

  /// Gives back the places that no lane was found for, of those taken for a claim. Where all are in use there may be more lanes.
  func settle(_ host: String, claimed: Int, of limit: Int, at now: Timestamp) {
    guard claimed < limit else { return }
    state.withLock { state in
      if let due = state.due[host], due <= now { state.due[host] = nil }
      state.take(claimed - limit, of: host)
    }
  }

  /// Gives the place of a lane back; answers whether lanes are due that may have waited for it.
  func giveBack(_ host: String, at now: Timestamp) -> Bool {
    state.withLock { state in
      state.take(-1, of: host)
      return state.due.values.contains { $0 <= now }
    }
  }

  /// Lanes of a host that may be taken. One host never has more than half of the places that others leave, so that there are some for others.
  private func places(for host: String, in state: State, free: Int) -> Int {
    let own = state.inHand[host, default: 0]
    if host.isEmpty { return settings.inner - own }
    return free <= 0 ? 0 : min(settings.perHost, max(1, (free + own) / 2)) - own
  }

  private func nextLease(_ state: inout State) -> String {
    state.leases += 1
    return "\(name)/\(state.leases)"
  }

  // MARK: - When lanes are due

  /// Takes over what a look at all lanes found.
  func setDue(_ times: [(host: String, due: Timestamp)]) {
    state.withLock { $0.due = Dictionary(times.map { ($0.host, $0.due) }) { first, _ in first } }
  }

  /// Lanes of a host are due at a time, if not before.
  func expect(_ host: String, at time: Timestamp) {
    state.withLock { state in state.due[host] = min(state.due[host] ?? time, time) }
  }

  /// The hosts that are said to have lanes that are due.
  func dueHosts(at now: Timestamp) -> [String] { state.withLock { state in state.due.filter { $0.value <= now }.map(\.key) } }

  /// Whether a place of the host is needed by another lane: one of its own, or of any host when all places are taken.
  func isWaitedFor(_ host: String, at now: Timestamp) -> Bool {
    state.withLock { state in
      let isFull = state.outer >= settings.concurrency
      return state.due.contains { $0.value <= now && ($0.key == host || isFull) }
    }
  }

  /// These hosts have nothing that is due.
  func forget(_ hosts: [String]) { state.withLock { state in for host in hosts { state.due[host] = nil } } }

  /// Nothing is looked at before that time.
  func postpone(to time: Timestamp) { state.withLock { state in state.due = state.due.mapValues { max($0, time) } } }

  /// How long nothing is due that can be claimed. A host without a free place is waited for by whoever has one.
  func untilDue(at now: Timestamp) -> Duration? {
    let earliest = state.withLock { state in
      state.due.filter { host, _ in places(for: host, in: state, free: settings.concurrency - state.outer) > 0 }.values.min()
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

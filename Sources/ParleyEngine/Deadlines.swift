import NIOCore
import NIOPosix
import ParleyDomain
import Synchronization

/// Ends what takes too long. One timer looks at all of them: a timer each would wake a thread twice for each request.
final class Deadlines: Sendable {
  private struct State {
    var actions: [Int: (at: ContinuousClock.Instant, run: @Sendable () -> Void)] = [:]
    var count = 0
    var timer: RepeatedTask?
  }

  private let state = Mutex(State())

  /// How exact they are; the timer runs until `end`.
  init(precision: Duration) {
    let interval = TimeAmount.microseconds(Int64(max(1000, precision.microseconds)))
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let timer = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] task in
      if let self { self.runDue() } else { task.cancel() }
    }
    state.withLock { $0.timer = timer }
  }

  /// Runs the action at an instant unless it is removed before; answers the number to remove it by.
  func add(_ instant: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.count += 1
      state.actions[state.count] = (instant, action)
      return state.count
    }
  }

  func remove(_ number: Int) { state.withLock { $0.actions[number] = nil } }

  func end() { state.withLock { $0.timer?.cancel() } }

  private func runDue() {
    let now = ContinuousClock.now
    let due = state.withLock { state in
      let due = state.actions.filter { $0.value.at <= now }
      for number in due.keys { state.actions[number] = nil }
      return due.values.map(\.run)
    }
    for run in due { run() }
  }
}

import Foundation
import Synchronization

/// Lets threads and tasks wait for one event. A task is suspended, a thread is held.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var tasks: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())
  private let condition = NSCondition()

  var isOpen: Bool { state.withLock(\.isOpen) }

  func open() {
    condition.lock()
    let tasks = state.withLock { state in
      state.isOpen = true
      defer { state.tasks = [] }
      return state.tasks
    }
    condition.broadcast()
    condition.unlock()
    for task in tasks { task.resume() }
  }

  /// Holds the calling thread until the gate is open. Not for threads that tasks run on: those may all be needed to open it.
  func wait() {
    condition.lock()
    while !state.withLock({ $0.isOpen }) { condition.wait() }
    condition.unlock()
  }

  /// Returns once the gate is open.
  func opened() async {
    await withCheckedContinuation { continuation in
      let isOpen = state.withLock { state in
        if !state.isOpen { state.tasks.append(continuation) }
        return state.isOpen
      }
      if isOpen { continuation.resume() }
    }
  }
}

import Foundation
import NIOCore
import NIOPosix
import Synchronization

/// Threads of their own for deliveries, so that the API's requests never wait behind them. A lane is worked on by one of them from the
/// claim to the last note, connection included: to hand a delivery from thread to thread would cost more than to make it.
enum WebhookThreads {
  static let group = {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, min(4, ProcessInfo.processInfo.activeProcessorCount)))
    for loop in group.makeIterator() { loop.execute { yieldToOthers() } }
    return group
  }()
  private static let executors = group.makeIterator().map(LoopExecutor.init)
  private static let turn = Atomic<Int>(0)

  /// Lowers this thread's priority: where processors are short, the API's requests come first. Linux has it for each thread, others for
  /// the process alone.
  private static func yieldToOthers() {
    #if os(Linux)
      _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, 5)
    #endif
  }

  /// Executors in turn.
  static func next() -> any TaskExecutor {
    let number = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    return executors[Int(UInt(bitPattern: number) % UInt(executors.count))]
  }
}

/// Runs tasks on the thread of an event loop.
private final class LoopExecutor: TaskExecutor {
  private let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

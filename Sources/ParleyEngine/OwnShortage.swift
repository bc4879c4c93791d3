import Foundation
import Synchronization

/// What this process or machine lacks: files, or memory for sockets. A connection that fails for it says nothing about the receiver.
enum OwnShortage {
  static let codes: Set<Int32> = [EMFILE, ENFILE, ENOBUFS, ENOMEM]

  /// Why no file can be opened now; nil if one can. A lookup of a name that fails does not say so by itself.
  static func ofFiles() -> String? {
    let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor < 0 else {
      close(descriptor)
      return nil
    }
    return codes.contains(errno) ? String(cString: strerror(errno)) : nil
  }
}

/// Keeps a warning from filling the log.
final class ShortageNotice: Sendable {
  private static let interval = Duration.seconds(60)

  private let next = Mutex(ContinuousClock.now)

  /// True once in a while.
  func isToBeSaid() -> Bool {
    next.withLock { next in
      guard ContinuousClock.now >= next else { return false }
      next = .now + Self.interval
      return true
    }
  }
}

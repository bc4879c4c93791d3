import Foundation
import Synchronization

/// Keeps all other servers from a database: a lock on the file beside it, and one on the file itself. The first still holds when the
/// database is replaced. The second still holds when the database has another name or the lock's file is removed.
final class DatabaseLock: Sendable {
  private let beside: FileLock
  /// Nil on a network file system, which turns this kind of lock into the kind that SQLite takes: it would lock itself out.
  private let itself: FileLock?

  private init(beside: FileLock, itself: FileLock?) { (self.beside, self.itself) = (beside, itself) }

  /// Makes the database's file if it is missing. Nil when somebody else has one of the locks. The path is a real one.
  static func take(_ path: String) throws -> DatabaseLock? {
    guard let beside = try FileLock.take(path: path + ".lock") else { return nil }
    try SQLiteFile.checkIsNotLost(path, beside: .server)
    try SQLiteFile.makeIfMissing(path)
    if SQLiteFile.isOnNetwork(path) { return DatabaseLock(beside: beside, itself: nil) }
    guard let itself = try FileLock.take(path: path) else { return nil }
    try SQLiteFile.checkHasOneName(path)
    return DatabaseLock(beside: beside, itself: itself)
  }

  /// The same, but waits for a process that is making the database: `isMade` says whether that is done. Nil when somebody else keeps a lock.
  static func take(_ path: String, until isMade: () throws -> Bool) throws -> DatabaseLock? {
    let end = ContinuousClock.now + .milliseconds(Int(SQLiteConnection.busyMilliseconds))
    var isLast = false
    while true {
      if let lock = try take(path) { return lock }
      if isLast || ContinuousClock.now > end { return nil }
      // Who has made it lets go of the lock a moment later, unless it is a server.
      isLast = try isMade()
      usleep(20_000)
    }
  }
}

/// An advisory lock on a file, held until it is let go of or the process ends.
final class FileLock: Sendable {
  /// How often the lock is tried on a file that is replaced meanwhile.
  private static let tries = 10

  private let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    // Said, because a process that is being started at this moment may have the descriptor as well until it becomes another program.
    flock(descriptor, LOCK_UN)
    OpenFiles.close(descriptor)
  }

  /// Whether somebody holds it. No file is made.
  static func isHeld(path: String) throws -> Bool {
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { OpenFiles.close(descriptor) }
    guard flock(descriptor, LOCK_SH | LOCK_NB) == 0 else { return errno == EWOULDBLOCK }
    flock(descriptor, LOCK_UN)
    return false
  }

  /// Nil when somebody else holds it. The file is made if it is missing; a link is not followed.
  static func take(path: String) throws -> FileLock? {
    for _ in 0..<tries {
      try SQLiteFile.makeIfMissing(path)
      let descriptor = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      if descriptor < 0, errno == ENOENT { continue }
      guard descriptor >= 0 else { throw StartFailure("\(path) can't be opened: \(systemError())") }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let reason = errno
        OpenFiles.close(descriptor)
        if reason == EWOULDBLOCK { return nil }
        throw StartFailure("\(path) can't be locked: \(systemError(reason))")
      }
      let lock = FileLock(descriptor: descriptor)
      // If the name was removed meanwhile, this lock is on a file that nobody can find.
      if FileID(of: descriptor) == FileID(path: path) { return lock }
    }
    throw StartFailure("\(path) is being replaced again and again")
  }
}

/// Identifies a file, whatever names it has.
struct FileID: Hashable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  /// Nil if there is none. Links are followed.
  init?(path: String) {
    var found = stat()
    guard stat(path, &found) == 0 else { return nil }
    self.init(found)
  }

  init?(of descriptor: Int32) {
    var found = stat()
    guard fstat(descriptor, &found) == 0 else { return nil }
    self.init(found)
  }

  private init(_ found: stat) { (device, inode) = (UInt64(found.st_dev), UInt64(found.st_ino)) }
}

/// The files that SQLite has open in this process. The system drops all locks that a process has on a file when it closes any of its
/// descriptors of that file, SQLite's among them; so other descriptors of such a file stay open until SQLite has closed its own.
enum OpenFiles {
  private struct Use {
    var connections = 0
    var waiting: [Int32] = []
  }

  private static let uses = Mutex<[FileID: Use]>([:])

  /// Closes a descriptor, now or when SQLite has closed the file. That is done under the lock, as nobody may open the file in between.
  static func close(_ descriptor: Int32) {
    uses.withLock { uses in
      if let file = FileID(of: descriptor), uses[file] != nil {
        uses[file]?.waiting.append(descriptor)
      } else {
        Glibc.close(descriptor)
      }
    }
  }

  /// One connection of SQLite's, from before it opens the file until it has closed it.
  final class Connection: Sendable {
    let file: FileID

    init(to file: FileID) {
      self.file = file
      uses.withLock { $0[file, default: Use()].connections += 1 }
    }

    deinit {
      uses.withLock { uses in
        uses[file]?.connections -= 1
        guard let use = uses[file], use.connections == 0 else { return }
        uses[file] = nil
        for descriptor in use.waiting { Glibc.close(descriptor) }
      }
    }
  }
}

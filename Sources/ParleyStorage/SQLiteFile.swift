import CSQLite
import Foundation
import ParleyDomain

/// What the file system sees of a database.
enum SQLiteFile {
  /// Files up to this size are checked whole at start; larger ones would keep the server from starting for long. What is damaged in them
  /// is an error of the reads that meet it.
  private static let checkedWholeBytesMax = 4 << 20
  /// What SQLite puts beside a database, as endings of its name.
  private static let companions = ["-wal", "-shm", "-journal"]

  /// The absolute path of a database behind all links, so that its log and its lock lie beside the file itself. A file that is missing has a
  /// path too, if its folder is there. Throws for a link to nothing, and for anything that is not a file.
  static func real(_ path: String) throws -> String {
    var found = stat()
    if stat(path, &found) == 0 {
      guard found.st_mode & S_IFMT == S_IFREG else { throw StartFailure("\(path) is not a file: \(kind(of: found))") }
      return try resolved(path)
    }
    let reason = errno
    if lstat(path, &found) == 0 {
      throw StartFailure("\(path) is a link that leads to no file (\(systemError(reason))): remove the link, or put the database in place")
    }
    guard reason == ENOENT, !path.hasSuffix("/") else { throw StartFailure("\(path) can't be opened: \(systemError(reason))") }
    let folder = Folders.folder(of: path)
    guard isThere(folder) else { return path }
    return try Folders.path(of: Folders.name(of: path), in: resolved(folder))
  }

  /// The real path of a database that is there; throws if there is none, or one that must not be used by this name.
  static func existing(_ path: String) throws -> String {
    let real = try real(path)
    guard isThere(real) else { throw StartFailure("there is no database at \(path)") }
    try checkHasOneName(real)
    try checkIsNotServedElsewhere(real)
    // SQLite removes the log of an empty file, even if it only looks at the file.
    try checkIsNotLost(real, beside: .command)
    return real
  }

  /// Whether the file is on a network file system.
  static func isOnNetwork(_ path: String) -> Bool { parley_is_on_network(path) != 0 }

  /// Throws if the file has several names: each would have a log of its own, and what is in one log is not seen by the other name. Nor may
  /// the log be a link or have a second name, because SQLite would write into somebody else's file.
  static func checkHasOneName(_ path: String) throws {
    var found = stat()
    if lstat(path, &found) == 0, found.st_nlink > 1 {
      throw StartFailure(
        "\(path) has \(found.st_nlink) names (hard links), and its log lies beside one of them only: remove the other names")
    }
    for name in companions.map({ path + $0 }) where lstat(name, &found) == 0 {
      switch found.st_mode & S_IFMT {
      case S_IFLNK:
        throw StartFailure(
          "\(name) is a link, which SQLite does not follow: put the file in its place, or remove the link if there is none")
      case S_IFREG where found.st_nlink > 1:
        throw StartFailure(
          "\(name) has \(found.st_nlink) names (hard links), and SQLite would write into all of them: remove the other names")
      case S_IFREG: break
      default: throw StartFailure("\(name) is not a file, and SQLite needs the name for one: \(kind(of: found))")
      }
    }
  }

  /// Throws if a server uses the file under another name, by a mount or because the file was moved: its log does not lie beside this name,
  /// so what is read here would be old and what is written would be lost. Where a lock or a log lies beside it, this is the server's name,
  /// and the lock is left alone: a server that starts meanwhile must get it.
  static func checkIsNotServedElsewhere(_ path: String) throws {
    guard !isThere(path + ".lock"), !isThere(path + "-wal"), !isOnNetwork(path) else { return }
    let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { OpenFiles.close(descriptor) }
    if flock(descriptor, LOCK_SH | LOCK_NB) == 0 {
      flock(descriptor, LOCK_UN)
    } else if errno == EWOULDBLOCK {
      throw StartFailure("a server uses \(path) under another name, beside which its log lies: use that name")
    }
  }

  /// Makes an empty file that only its owner can read, and its folder, unless the file is there.
  static func makeIfMissing(_ path: String) throws {
    try makeFolder(of: path)
    guard try !make(path) else { return }
    var found = stat()
    guard lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFREG else {
      throw StartFailure("\(path) is not a file: \(kind(of: found))")
    }
  }

  /// Makes an empty file that only its owner can read, and its folder; throws if anything has that name.
  static func makeNew(_ path: String) throws {
    try makeFolder(of: path)
    guard try make(path) else { throw StartFailure("\(path) is there already") }
  }

  /// Throws if there is anything, a link to nothing as well, that has the name of a new database or of what SQLite puts beside it.
  static func checkIsFree(_ path: String) throws {
    for name in [path] + companions.map({ path + $0 }) where isNamed(name) { throw StartFailure("\(name) is there already") }
  }

  /// Makes the folder of a file, which only its owner can enter.
  static func makeFolder(of path: String) throws { try Folders.make(Folders.folder(of: path)) }

  static func isThere(_ path: String) -> Bool {
    var found = stat()
    return stat(path, &found) == 0
  }

  /// Whether there is no file, or nothing in it.
  static func isEmpty(_ path: String) -> Bool { size(path) == 0 }

  /// Throws if the file has nothing in it but its log has: SQLite would remove the log and begin anew, as if there had never been anything.
  /// A command looks first whether a server uses the log; a server has the lock already.
  static func checkIsNotLost(_ path: String, beside role: DatabaseRole) throws {
    guard isLost(path) else { return }
    if case .command = role, try FileLock.isHeld(path: path + ".lock") {
      throw StartFailure(
        "a server uses \(path), which was moved or emptied: put the file back, or stop the server. \(path)-wal has what the server wrote "
          + "last")
    }
    throw StartFailure(
      "\(path) is missing or empty while \(path)-wal is not: it is damaged. If it was moved, put it back; else remove \(path)-wal and put a "
        + "backup in place")
  }

  /// Whether the file has nothing in it although its log has.
  static func isLost(_ path: String) -> Bool { isEmpty(path) && !isEmpty(path + "-wal") }

  /// Throws if the file is damaged, as far as a look of bounded length can tell. `place` is its name for people.
  static func check(_ connection: SQLiteConnection, path: String, place: String) throws {
    let problems: [String]
    do {
      // The schema and the file's length are looked at in any case.
      _ = try connection.one("SELECT COUNT(*) FROM sqlite_master") { $0.integer(0) }
      if isEmpty(path + "-wal"), try bytesClaimed(by: connection) > size(path) {
        problems = ["the file is shorter than it says"]
      } else {
        problems = size(path) <= checkedWholeBytesMax ? try connection.all("PRAGMA quick_check(1)") { $0.text(0) } : ["ok"]
      }
    } catch let error as SQLiteError where error.isDamage {
      throw StartFailure("\(place) is damaged or no database: \(error.message). Put a backup in its place")
    }
    guard problems == ["ok"] else {
      throw StartFailure("\(place) is damaged: \(problems.joined(separator: "; ")). Put a backup in its place")
    }
  }

  private static func bytesClaimed(by connection: SQLiteConnection) throws -> Int64 {
    let pages = try connection.one("PRAGMA page_count") { $0.integer(0) } ?? 0
    return pages * (try connection.one("PRAGMA page_size") { $0.integer(0) } ?? 0)
  }

  /// Returns once the file and its place in its folder are on the disk.
  static func sync(_ path: String) throws {
    for path in [path, Folders.folder(of: path)] {
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw StartFailure("\(path) can't be opened: \(systemError())") }
      defer { OpenFiles.close(descriptor) }
      guard fsync(descriptor) == 0 else { throw StartFailure("\(path) can't be synced: \(systemError())") }
    }
  }

  /// False if anything has that name. A link is not followed, wherever it leads.
  private static func make(_ path: String) throws -> Bool {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    if descriptor < 0, errno == EEXIST { return false }
    guard descriptor >= 0 else { throw StartFailure("\(path) can't be made: \(systemError())") }
    OpenFiles.close(descriptor)
    return true
  }

  private static func size(_ path: String) -> Int64 {
    var found = stat()
    return stat(path, &found) == 0 ? Int64(found.st_size) : 0
  }

  private static func isNamed(_ path: String) -> Bool {
    var found = stat()
    return lstat(path, &found) == 0
  }

  private static func resolved(_ path: String) throws -> String {
    guard let real = realpath(path, nil) else { throw StartFailure("\(path) can't be opened: \(systemError())") }
    defer { free(real) }
    return String(cString: real)
  }

  private static func kind(of found: stat) -> String {
    switch found.st_mode & S_IFMT {
    case S_IFDIR: "it is a folder"
    case S_IFLNK: "it is a link"
    case S_IFIFO: "it is a pipe"
    case S_IFSOCK: "it is a socket"
    default: "it is a device"
    }
  }
}

/// What the operating system says of an error.
func systemError(_ code: Int32 = errno) -> String { String(cString: strerror(code)) }

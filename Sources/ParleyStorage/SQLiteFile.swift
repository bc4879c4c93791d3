import Foundation
import ParleyDomain

/// What the file system sees of a database.
enum SQLiteFile {
  /// Files up to this size are checked whole at start; larger ones would keep the server from starting for long. What is damaged in them
  /// is an error of the reads that meet it.
  private static let checkedWholeBytesMax = 4 << 20

  /// Makes an empty file that only its owner can read, and its folder.
  static func makeIfMissing(_ path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    if !FileManager.default.fileExists(atPath: folder) {
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw StartFailure("the folder \(folder) can't be made: \(error.localizedDescription)")
      }
    }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StartFailure("\(path) can't be opened: \(String(cString: strerror(errno)))") }
    close(descriptor)
  }

  /// Whether there is no file, or nothing in it.
  static func isEmpty(_ path: String) -> Bool {
    let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
    return size ?? 0 == 0
  }

  /// Throws if the file has nothing in it but its log has: SQLite would remove the log and begin anew, as if there had never been anything.
  static func checkIsNotLost(_ path: String) throws {
    guard isEmpty(path), !isEmpty(path + "-wal") else { return }
    throw StartFailure("\(path) is missing or empty while \(path)-wal is not: it is damaged. Remove that file and put a backup in place")
  }

  /// Throws if the file is damaged, as far as a look of bounded length can tell.
  static func check(_ connection: SQLiteConnection, path: String) throws {
    let size = (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
    let problems: [String]
    do {
      // The schema and the file's length are looked at in any case.
      _ = try connection.one("SELECT COUNT(*) FROM sqlite_master") { $0.integer(0) }
      if isEmpty(path + "-wal"), try bytesClaimed(by: connection) > size {
        problems = ["the file is shorter than it says"]
      } else {
        problems = size <= checkedWholeBytesMax ? try connection.all("PRAGMA quick_check(1)") { $0.text(0) } : ["ok"]
      }
    } catch let error as SQLiteError {
      throw StartFailure("\(path) is damaged or no database: \(error.message). Put a backup in its place")
    }
    guard problems == ["ok"] else {
      throw StartFailure("\(path) is damaged: \(problems.joined(separator: "; ")). Put a backup in its place")
    }
  }

  private static func bytesClaimed(by connection: SQLiteConnection) throws -> Int64 {
    let pages = try connection.one("PRAGMA page_count") { $0.integer(0) } ?? 0
    return pages * (try connection.one("PRAGMA page_size") { $0.integer(0) } ?? 0)
  }

  /// Returns once the file and its place in its folder are on the disk.
  static func sync(_ path: String) throws {
    for path in [path, URL(fileURLWithPath: path).deletingLastPathComponent().path] {
      let descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw StartFailure("\(path) can't be opened: \(String(cString: strerror(errno)))") }
      defer { close(descriptor) }
      guard fsync(descriptor) == 0 else { throw StartFailure("\(path) can't be synced: \(String(cString: strerror(errno)))") }
    }
  }
}

/// An advisory lock on a file, held until it is let go of or the process ends.
final class FileLock: Sendable {
  private let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    // Said, because a process that is being started at this moment may have the descriptor as well until it becomes another program.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Nil when somebody else holds it.
  static func take(path: String) throws -> FileLock? {
    try SQLiteFile.makeIfMissing(path)
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw StartFailure("\(path) can't be opened: \(String(cString: strerror(errno)))") }
    if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return FileLock(descriptor: descriptor) }
    close(descriptor)
    return nil
  }
}

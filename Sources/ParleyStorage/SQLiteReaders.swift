import Foundation
import ParleyDomain
import Synchronization

/// Connections for reading, opened when needed and given back after each transaction.
final class SQLiteReaders: Sendable {
  private struct State {
    var idle: [SQLiteConnection] = []
    var isClosed = false
  }

  /// Connections kept when nobody needs them; reads run on few threads, so there are seldom more.
  private static let idleMax = 8
  /// Long reads at a time; others wait for their turn and not for a thread of the requests'.
  private static let bulkMax = 4

  private let path: String
  /// The file that is read, and no other that gets its name.
  private let file: FileID?
  private let state = Mutex(State())
  private let bulk = OperationQueue()
  private let count = Atomic<Int>(0)
  private let microseconds = Atomic<Int>(0)

  init(path: String, file: FileID? = nil) {
    (self.path, self.file) = (path, file)
    bulk.maxConcurrentOperationCount = Self.bulkMax
  }

  /// Reads done, and the time they took in all.
  var totals: (count: Int, microseconds: Int) { (count.load(ordering: .relaxed), microseconds.load(ordering: .relaxed)) }

  func read<Answer: Sendable>(_ access: Access, _ body: @escaping @Sendable (SQLiteConnection) throws -> Answer) async throws -> Answer {
    guard case .bulk = access else { return try readHere(access, body) }
    return try await withCheckedThrowingContinuation { continuation in
      bulk.addOperation { continuation.resume(with: Result { try self.readHere(access, body) }) }
    }
  }

  func close() {
    let idle = state.withLock { state in
      state.isClosed = true
      defer { state.idle = [] }
      return state.idle
    }
    // Here, outside the lock, the connections end.
    withExtendedLifetime(idle) {}
  }

  private func readHere<Answer>(_ access: Access, _ body: (SQLiteConnection) throws -> Answer) throws -> Answer {
    let start = ContinuousClock.now
    defer {
      count.add(1, ordering: .relaxed)
      microseconds.add((ContinuousClock.now - start).microseconds, ordering: .relaxed)
    }
    return try withOutsideErrors {
      let connection = try takeConnection()
      do {
        let answer = try transaction(access, on: connection, body)
        giveBack(connection)
        return answer
      } catch let error as SQLiteError {
        // A connection that failed is not trusted again; the next read opens a new one.
        throw error
      } catch {
        giveBack(connection)
        throw error
      }
    }
  }

  private func transaction<Answer>(_ access: Access, on connection: SQLiteConnection, _ body: (SQLiteConnection) throws -> Answer) throws
    -> Answer
  {
    if case .statement = access { return try body(connection) }
    _ = try connection.run("BEGIN")
    do {
      let answer = try body(connection)
      _ = try connection.run("COMMIT")
      return answer
    } catch {
      if connection.isInTransaction { _ = try connection.run("ROLLBACK") }
      throw error
    }
  }

  private func takeConnection() throws -> SQLiteConnection {
    let idle = try state.withLock { state in
      if state.isClosed { throw ParleyError.unavailable(cause: "the database is closed") }
      return state.idle.popLast()
    }
    if let idle { return idle }
    let connection = try SQLiteConnection(path: path, expecting: file)
    try connection.execute("PRAGMA query_only = ON; PRAGMA cache_size = -8192")
    return connection
  }

  private func giveBack(_ connection: SQLiteConnection) {
    state.withLock { state in
      if state.idle.count < Self.idleMax, !state.isClosed { state.idle.append(connection) }
    }
  }
}

import CPostgres
import Foundation
import ParleyDomain

/// What PostgreSQL or the way to it said.
struct PostgresError: Error, CustomStringConvertible {
  /// Five characters, of which the first two are the class; nil where the error is not the server's.
  let sqlState: String?
  let message: String
  /// Whether the connection ended with it.
  let isLoss: Bool

  init(sqlState: String?, message: String) {
    (self.sqlState, self.message, isLoss) = (sqlState, message, false)
  }

  init(lost message: String, sqlState: String? = nil) {
    (self.sqlState, self.message, isLoss) = (sqlState, message, true)
  }

  /// The server's error in a result.
  init(_ result: PostgresResult) {
    func field(_ code: Unicode.Scalar) -> String? {
      PQresultErrorField(result.handle, Int32(code.value)).map { String(cString: $0) }
    }
    // The primary message alone: details quote what people wrote.
    let message = field("M") ?? Self.lines(PQresultErrorMessage(result.handle)).first
    self.init(sqlState: field("C"), message: message ?? "no reason was given")
  }

  /// A message of libpq's, line by line.
  static func lines(_ text: UnsafePointer<CChar>?) -> [String] {
    text.map { String(cString: $0).split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) } } ?? []
  }

  /// Whether the server says that it undid the transaction because of others, so that the same may work now: serialization failure and
  /// deadlock. No other error allows a write to be run again.
  var isFromOthers: Bool { sqlState == "40001" || sqlState == "40P01" }

  /// Whether the server on this connection takes no writes, as one that has become a standby: the next connection may lead elsewhere.
  var isReadOnlyServer: Bool { sqlState == "25006" }

  /// Whether the cause is the server's state or others', so that the same request may work later.
  var isPassing: Bool {
    guard let sqlState else { return true }
    // 08 connection, 25 state of the transaction, 28 signing in, 3D the database, 40 rolled back because of others, 53 resources, 55 locks,
    // 57 an operator or a limit of time, 58 the system, XX the server itself.
    // 42501 is a right that the operator took away.
    return isLoss || sqlState == "42501" || ["08", "25", "28", "3D", "40", "53", "55", "57", "58", "XX"].contains(sqlState.prefix(2))
  }

  var description: String { "PostgreSQL\(sqlState.map { " error \($0)" } ?? ""): \(message)" }

  /// The error as callers of the database see it.
  var asSeenOutside: any Error { isPassing ? ParleyError.unavailable(cause: description) : self }
}

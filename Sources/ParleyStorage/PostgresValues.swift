import CPostgres
import Foundation
import ParleyDomain

/// What the server warned of since it was last asked.
final class PostgresWarnings {
  private(set) var first: String?

  func add(_ result: OpaquePointer?) {
    guard first == nil, let severity = PQresultErrorField(result, Int32(UInt8(ascii: "V"))), String(cString: severity) == "WARNING" else {
      return
    }
    first = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) } ?? "a warning"
  }

  func clear() { first = nil }
}

/// Has the server end what nobody waits for any more, so that its locks and its session are free.
enum PostgresCancellation {
  /// Returns at once. It may be that the server can't be reached, which nobody waits for either.
  static func send(for connection: OpaquePointer) {
    guard let made = PQgetCancel(connection) else { return }
    nonisolated(unsafe) let request = made
    Thread.detachNewThread {
      var reason: [CChar] = Array(repeating: 0, count: 256)
      PQcancel(request, &reason, Int32(reason.count))
      PQfreeCancel(request)
    }
  }
}

/// A result of libpq's, freed with this. Nothing changes it.
final class PostgresResult: @unchecked Sendable {
  let handle: OpaquePointer
  init(_ handle: OpaquePointer) { self.handle = handle }
  deinit { PQclear(handle) }

  func eachRow(_ body: (any Row) throws -> Void) throws {
    for row in 0..<PQntuples(handle) { try body(PostgresRow(result: handle, row: row)) }
  }
}

/// The values of a statement as libpq takes them: text, each with a NUL behind it.
struct PostgresArguments {
  private var bytes: [UInt8] = []
  private var starts: [Int?] = []

  init(_ values: [Value]) {
    starts.reserveCapacity(values.count)
    for value in values {
      starts.append(bytes.count)
      switch value {
      case .null: starts[starts.count - 1] = nil
      case .integer(let number): append(String(number).utf8)
      case .text(let text): append(text.utf8)
      case .bytes(let text): append(text)
      }
    }
  }

  /// PostgreSQL's text can't hold NUL, so nothing stored has one and nothing stored is found by one. A control character does the same:
  /// what is compared has none.
  private mutating func append(_ text: some Collection<UInt8>) {
    let start = bytes.count
    bytes.append(contentsOf: text)
    let count = bytes.count - start
    bytes.withUnsafeMutableBytes { buffer in
      guard count > 0, let place = buffer.baseAddress?.advanced(by: start), memchr(place, 0, count) != nil else { return }
      for index in start..<start + count where buffer[index] == 0 { buffer[index] = 1 }
    }
    bytes.append(0)
  }

  func withPointers<Answer>(_ body: ([UnsafePointer<CChar>?]) -> Answer) -> Answer {
    bytes.withUnsafeBytes { buffer in
      let base = buffer.bindMemory(to: CChar.self).baseAddress
      return body(starts.map { start in start.flatMap { base?.advanced(by: $0) } })
    }
  }
}

extension Value {
  /// Type of the parameter; 0 where the server finds it out.
  var oid: Oid {
    switch self {
    case .null: 0
    case .integer: 20
    case .text, .bytes: 25
    }
  }
}

/// A row of a result.
struct PostgresRow: Row {
  let result: OpaquePointer
  let row: Int32

  func isNull(_ column: Int32) -> Bool { PQgetisnull(result, row, column) == 1 }
  func integer(_ column: Int32) -> Int64 { strtoll(PQgetvalue(result, row, column), nil, 10) }
  func text(_ column: Int32) -> String { String(decoding: utf8(column), as: UTF8.self) }
  func bytes(_ column: Int32) -> [UInt8] { Array(utf8(column)) }
  func append(_ column: Int32, to buffer: inout [UInt8]) { buffer.append(contentsOf: utf8(column)) }

  private func utf8(_ column: Int32) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
  }
}

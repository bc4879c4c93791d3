/// Rows that the server itself wrote, as patterns for more of the same.
///
/// The rows are found by looking, not by knowing the schema: whichever table holds an id of the pattern, it is copied.
/// So what is written here is what the server writes, also after the next migration. In the texts of a pattern three
/// things are exchanged: the conversation's id, the participants' ids, and the serial numbers (twelve digits, the first
/// of them 9) that the benchmark puts into every address and name.
final class RowCopies {
  /// How many participants one copy makes.
  let participants: Int
  /// The id of the account that they belong to.
  let account: [UInt8]
  private var rows: [Row] = []
  private var patches: [Patch] = []

  /// Takes the conversation and all that belongs to it.
  convenience init(ofConversation id: String, in file: SQLiteFile) throws {
    try self.init(in: file, conversation: id, participant: nil)
  }

  /// Takes one participant alone: what adding one inserts.
  convenience init(ofParticipant id: String, in file: SQLiteFile) throws {
    let found = try file.rows("SELECT conversation_id FROM participant WHERE id = $1", [.text(Array(id.utf8))])
    guard case .text(let conversation)? = found.first?.first else { throw YardstickError("there is no participant \(id)") }
    try self.init(in: file, conversation: String(decoding: conversation, as: UTF8.self), participant: id)
  }

  private init(in file: SQLiteFile, conversation: String, participant: String?) throws {
    let owner = try file.rows("SELECT account_id FROM conversation WHERE id = $1", [.text(Array(conversation.utf8))])
    guard case .text(let account)? = owner.first?.first else { throw YardstickError("there is no conversation \(conversation)") }
    self.account = account
    let people = try file.rows(
      "SELECT id, document FROM participant WHERE conversation_id = $1 ORDER BY position", [.text(Array(conversation.utf8))])
    var marks: [[UInt8]: Mark] = [Array(conversation.utf8.suffix(26)): .conversation]
    var serials: [[UInt8]: Int] = [:]
    var wanted: Set<Mark> = participant == nil ? [.conversation] : []
    var number = 0
    for person in people {
      guard case .text(let id) = person[0], case .text(let document) = person[1] else { continue }
      if let participant, Array(participant.utf8) != id { continue }
      marks[Array(id.suffix(26))] = .participant(number)
      if participant != nil { wanted.insert(.participant(number)) }
      for end in digitRuns(in: document) where document[end - 12] == UInt8(ascii: "9") {
        let serial = Array(document[(end - 12)..<end])
        guard serials[serial] == nil else { continue }
        serials[serial] = number
        if participant != nil { wanted.insert(.serial(number)) }
      }
      number += 1
    }
    participants = number

    // In the order of their making: parents come before what refers to them.
    let tables = try file.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid")
    for case .text(let name)? in tables.map(\.first) {
      let table = String(decoding: name, as: UTF8.self)
      try take(from: table, in: file, near: conversation, marks: marks, serials: serials, wanted: wanted)
    }
  }

  private func take(
    from table: String, in file: SQLiteFile, near conversation: String, marks: [[UInt8]: Mark], serials: [[UInt8]: Int], wanted: Set<Mark>
  ) throws {
    let columns = try file.rows("SELECT name FROM pragma_table_info('\(table)') ORDER BY cid").compactMap { row -> String? in
      guard case .text(let name)? = row.first else { return nil }
      return String(decoding: name, as: UTF8.self)
    }
    let key = table == "conversation" ? "id" : "conversation_id"
    guard columns.contains(key) else { return }
    let places = (1...columns.count).map { "$\($0)" }.joined(separator: ", ")
    let sql = "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))"
    var statement: SQLiteFile.Statement?
    let query = "SELECT \(columns.joined(separator: ", ")) FROM \(table) WHERE \(key) = $1"
    for values in try file.rows(query, [.text(Array(conversation.utf8))]) {
      var cells: [Cell] = []
      var found: [Patch] = []
      for (column, value) in zip(columns, values) {
        switch value {
        case .text(let bytes):
          let text = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
          _ = text.initialize(from: bytes)
          found += Self.patches(of: text, marks: marks, serials: serials)
          cells.append(.text(text))
        case .integer where column == "position": cells.append(.position(value))
        default: cells.append(.fixed(value))
        }
      }
      // A row in which the pattern is not found would be copied into itself; it belongs to the rest of the conversation.
      guard !wanted.isDisjoint(with: found.map(\.mark)) else { continue }
      let kept = try statement ?? file.prepare(sql)
      statement = kept
      rows.append(Row(statement: kept, cells: cells))
      patches += found
    }
  }

  deinit {
    for row in rows {
      for case .text(let text) in row.cells { text.deallocate() }
    }
  }

  /// Sets what the next copy is called.
  ///
  /// - Parameters:
  ///   - conversation: the 26 characters of its conversation's id, or nil to keep the pattern's.
  ///   - firstParticipant: its first participant's number; the others count on from there.
  func name(conversation: [UInt8]?, firstParticipant: Int) {
    for patch in patches {
      let target = patch.text.baseAddress.map { $0 + patch.offset }
      guard let target else { continue }
      switch patch.mark {
      case .conversation:
        for (index, byte) in (conversation ?? []).prefix(26).enumerated() { target[index] = byte }
      case .participant(let index): Serial.writeID(firstParticipant + index, to: target)
      case .serial(let index): Serial.writeDigits(firstParticipant + index, to: target)
      }
    }
  }

  /// Writes the rows of the copy.
  ///
  /// - Parameter position: the place in its conversation, for a copy of a participant alone.
  func insert(position: Int? = nil) throws {
    for row in rows {
      for (index, cell) in row.cells.enumerated() {
        switch cell {
        case .fixed(let value): row.statement.bind(value, at: index + 1)
        case .text(let text): row.statement.bind(textAt: text, at: index + 1)
        case .position(let value): row.statement.bind(position.map { .integer(Int64($0)) } ?? value, at: index + 1)
        }
      }
      try row.statement.run()
    }
  }

  /// How many rows one copy has.
  var count: Int { rows.count }

  private static func patches(of text: UnsafeMutableBufferPointer<UInt8>, marks: [[UInt8]: Mark], serials: [[UInt8]: Int]) -> [Patch] {
    var found: [Patch] = []
    let bytes = Array(text)
    // An id is what stands after an underscore.
    for start in bytes.indices where bytes[start] == UInt8(ascii: "_") && start + 27 <= bytes.count {
      if let mark = marks[Array(bytes[(start + 1)..<(start + 27)])] { found.append(Patch(text: text, offset: start + 1, mark: mark)) }
    }
    for end in digitRuns(in: bytes) {
      if let index = serials[Array(bytes[(end - 12)..<end])] { found.append(Patch(text: text, offset: end - 12, mark: .serial(index))) }
    }
    return found
  }

  private enum Mark: Hashable {
    case conversation
    case participant(Int)
    case serial(Int)
  }

  private struct Patch {
    let text: UnsafeMutableBufferPointer<UInt8>
    let offset: Int
    let mark: Mark
  }

  private enum Cell {
    case fixed(SQLiteFile.Value)
    case text(UnsafeMutableBufferPointer<UInt8>)
    case position(SQLiteFile.Value)
  }

  private struct Row {
    let statement: SQLiteFile.Statement
    let cells: [Cell]
  }
}

/// Where runs of at least twelve digits end.
private func digitRuns(in bytes: [UInt8]) -> [Int] {
  var ends: [Int] = []
  var length = 0
  for index in 0...bytes.count {
    if index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) {
      length += 1
    } else {
      if length >= 12 { ends.append(index) }
      length = 0
    }
  }
  return ends
}

/// Numbers as the texts of ids and addresses, always of one length.
enum Serial {
  private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

  /// Writes the 26 characters of an id made of the number. The first fourteen are a time and the fixed bits of a UUIDv7.
  static func writeID(_ number: Int, to target: UnsafeMutablePointer<UInt8>) {
    var rest = number
    for index in stride(from: 25, to: 13, by: -1) {
      target[index] = alphabet[rest & 31]
      rest >>= 5
    }
    for (index, byte) in prefix.enumerated() { target[index] = byte }
  }

  /// The 26 characters of an id made of the number.
  static func id(_ number: Int) -> [UInt8] {
    Array(unsafeUninitializedCapacity: 26) { buffer, count in
      if let start = buffer.baseAddress { writeID(number, to: start) }
      count = 26
    }
  }

  /// Writes the number as twelve digits.
  static func writeDigits(_ number: Int, to target: UnsafeMutablePointer<UInt8>) {
    var rest = number
    for index in stride(from: 11, through: 0, by: -1) {
      target[index] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
    }
  }

  /// January 2026, before everything that a running server makes.
  private static let prefix = Array("01kdvxqm00e008".utf8)
}

import ParleyDomain

/// A statement with its values beside it: what is interpolated becomes `$1`, `$2`, … and never text.
///
/// The same text runs on every database: placeholders, `ON CONFLICT`, `RETURNING`, `BIGINT`, `TEXT`; no dialect's own functions.
struct SQL: ExpressibleByStringInterpolation {
  private(set) var text: String
  private(set) var values: [Value]

  init(stringLiteral text: String) {
    self.text = text
    values = []
  }

  /// Text that code put together, with its values for `$1`, `$2` and so on.
  init(text: String, values: [Value]) {
    (self.text, self.values) = (text, values)
  }

  init(stringInterpolation interpolation: Interpolation) {
    text = interpolation.text
    values = interpolation.values
  }

  /// The statement with more behind it; the placeholders there count on from its own.
  func followed(by more: SQL) -> SQL {
    guard !more.values.isEmpty else { return SQL(text: text + more.text, values: values) }
    var joined = text
    var rest = more.text[...]
    while let mark = rest.firstIndex(of: "$") {
      joined += rest[...mark]
      rest = rest[rest.index(after: mark)...]
      let number = rest.prefix { $0.isNumber }
      joined += String((Int(number) ?? 0) + values.count)
      rest = rest[number.endIndex...]
    }
    return SQL(text: joined + rest, values: values + more.values)
  }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var text: String
    fileprivate var values: [Value] = []

    init(literalCapacity: Int, interpolationCount: Int) {
      text = ""
      text.reserveCapacity(literalCapacity + interpolationCount * 3)
      values.reserveCapacity(interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { text += literal }

    mutating func appendInterpolation(_ value: Value) {
      values.append(value)
      text += "$"
      text += String(values.count)
    }

    mutating func appendInterpolation(_ value: String?) { appendInterpolation(value.map(Value.text) ?? .null) }
    mutating func appendInterpolation(_ value: Int64?) { appendInterpolation(value.map(Value.integer) ?? .null) }
    mutating func appendInterpolation(_ value: [UInt8]?) { appendInterpolation(value.map(Value.bytes) ?? .null) }
    mutating func appendInterpolation(_ value: Timestamp?) { appendInterpolation(value?.milliseconds) }
    mutating func appendInterpolation<Resource>(_ id: TypeID<Resource>?) { appendInterpolation(id?.text) }
    mutating func appendInterpolation<Resource>(_ id: SID<Resource>?) { appendInterpolation(id?.text) }

    /// Text of the statement that depends on the case, such as a direction.
    mutating func appendInterpolation(sql: StaticString) { text += String(describing: sql) }

    /// `($1, $2), ($3, $4)`: the rows of an INSERT.
    mutating func appendInterpolation(rows: [[Value]]) {
      for (index, row) in rows.enumerated() {
        text += index == 0 ? "(" : ", ("
        appendInterpolation(list: row)
        text += ")"
      }
    }

    /// `$1, $2`: the choices of an IN.
    mutating func appendInterpolation(list: [Value]) {
      for (index, value) in list.enumerated() {
        if index > 0 { text += ", " }
        appendInterpolation(value)
      }
    }
  }
}

/// A value of a statement.
enum Value {
  case null
  case integer(Int64)
  case text(String)
  /// UTF-8 text.
  case bytes([UInt8])
}

/// One row of an answer, valid while it is shown; columns count from 0.
protocol Row {
  func isNull(_ column: Int32) -> Bool
  func integer(_ column: Int32) -> Int64
  func text(_ column: Int32) -> String
  func bytes(_ column: Int32) -> [UInt8]
  /// Appends the column's text to `buffer`.
  func append(_ column: Int32, to buffer: inout [UInt8])
}

extension Row {
  func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }
  func optionalBytes(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : bytes(column) }
  func timestamp(_ column: Int32) -> Timestamp { Timestamp(milliseconds: integer(column)) }
  func optionalTimestamp(_ column: Int32) -> Timestamp? { isNull(column) ? nil : timestamp(column) }

  func document<Value>(_ column: Int32) -> Stored<Value> { Stored(document: bytes(column)) }

  /// An id that one of our own writes put there.
  func id<Resource>(_ column: Int32) -> TypeID<Resource> { TypeID(kept: text(column)) }

  func sid<Resource>(_ column: Int32) throws -> SID<Resource> {
    guard let id = SID<Resource>(text(column)) else { throw DamagedDocument(reason: "a SID of another form") }
    return id
  }

  func choice<Choice: RawRepresentable>(_ column: Int32) throws -> Choice where Choice.RawValue == String {
    guard let choice = Choice(rawValue: text(column)) else { throw DamagedDocument(reason: "an unknown \(Choice.self)") }
    return choice
  }
}

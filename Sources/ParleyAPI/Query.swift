import ParleyDomain

/// The parameters of a request's query. Names are matched without regard to case, the exact spelling wins (B-PAGE-8).
struct Query: Sendable {
  private let pairs: [(name: String, value: String?)]

  /// Reads the text behind the question mark. A value that can't be decoded is kept as nil, a name that can't is nobody's.
  init(_ text: Substring?) {
    pairs = (text ?? "").parts(between: "&").filter { !$0.isEmpty }.compactMap { pair in
      let parts = pair.parts(between: "=", max: 2)
      guard let name = Percent.decoded(parts[0][...], plusIsSpace: true) else { return nil }
      return (name, parts.count == 2 ? Percent.decoded(parts[1][...], plusIsSpace: true) : "")
    }
  }

  /// The parameters that a page token carries, each as `name=value`.
  init(carried parameters: [String]) {
    pairs = parameters.map { text in
      let parts = text.parts(between: "=", max: 2)
      return (parts[0], parts.count == 2 ? parts[1] : "")
    }
  }

  /// All values of a parameter; nil for one that can't be decoded.
  func values(_ name: String) -> [String?] {
    let exact = pairs.filter { $0.name.isSame(as: name) }
    let matching = exact.isEmpty ? pairs.filter { $0.name.utf8.elementsEqual(name.utf8, by: Self.isSameLetter) } : exact
    return matching.map(\.value)
  }

  private static func isSameLetter(_ left: UInt8, _ right: UInt8) -> Bool {
    left == right || (left | 0x20 == right | 0x20 && (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(left | 0x20))
  }
}

/// Reads the values of a query and remembers what is wrong with them, by the parameter's name (B-ERR-7).
struct QueryFields {
  private let query: Query
  private let problems: Problems
  /// Whether they are what a page token carries, which has times as numbers.
  private let isCarried: Bool

  init(_ query: Query) { (self.query, problems, isCarried) = (query, Problems(), false) }

  /// What a page token carries; it was read from a query before.
  init(carried parameters: [String]) { (query, problems, isCarried) = (Query(carried: parameters), Problems(), true) }

  /// Other parameters of the same request, whose problems are said after the earlier ones.
  init(_ query: Query, after earlier: QueryFields) { (self.query, problems, isCarried) = (query, earlier.problems, false) }

  /// The first value, as `read` takes it; nil if the parameter is not there or wrong.
  func first<Value>(_ name: String, _ objection: String, _ read: (String) -> Value?) -> Value? {
    guard let value = query.values(name).first else { return nil }
    if let value, let read = read(value) { return read }
    problems.add(.member(.root, name), objection)
    return nil
  }

  /// The first value as an instant of RFC 3339 (B-TIME-2).
  func instant(_ name: String) -> Timestamp? {
    first(name, Timestamp.objection) { isCarried ? Int64($0).map(Timestamp.init(milliseconds:)) : Timestamp(rfc3339: $0) }
  }

  /// All values, repeated or joined by commas, each one of the choices.
  func choices<Choice: RawRepresentable & CaseIterable>(_ name: String, of _: Choice.Type) -> [Choice] where Choice.RawValue == String {
    query.values(name).flatMap { value in (value ?? "").parts(between: ",") }
      .compactMap { text in
        if let choice = Choice.allCases.first(where: { $0.rawValue.isSame(as: text) }) { return choice }
        problems.add(.member(.root, name), "must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
      }
  }

  func problem(_ name: String, _ message: String) { problems.add(.member(.root, name), message) }

  func check() throws(ParleyError) {
    if !problems.list.isEmpty { throw .invalid(problems.list) }
  }
}

/// Percent-encoding of paths and queries.
enum Percent {
  /// Nil if an escape is broken or the bytes are no UTF-8.
  static func decoded(_ text: Substring, plusIsSpace: Bool) -> String? {
    guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return String(text) }
    var bytes: [UInt8] = []
    var rest = text.utf8[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else { return nil }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? { Character(Unicode.Scalar(byte)).hexDigitValue.map(UInt8.init) }
}

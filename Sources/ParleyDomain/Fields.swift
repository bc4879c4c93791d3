/// The members of one object in a body, read one by one; every problem is kept with its path (B-ERR-7).
///
/// Read them in the order of the contract: that is the order in which the caller is told. A null is an absent member (B-HTTP-4) to all
/// but `change`.
package struct Fields {
  package let path: Path
  private let members: JSON.Object
  private let problems: Problems

  package init(_ members: JSON.Object, at path: Path = .root, problems: Problems) {
    self.members = members
    self.path = path
    self.problems = problems
  }

  /// The member's value; nil when it is absent or null.
  package func value(_ name: String) -> JSON? {
    guard let value = members[name], value != .null else { return nil }
    return value
  }

  /// Notes that a member is wrong.
  package func problem(_ name: String, _ message: String) { problems.add(.member(path, name), message) }

  /// Notes that the object itself is wrong.
  package func problem(_ message: String) { problems.add(path, message) }

  /// Notes that a member that must be there is missing.
  package func require(_ name: String) {
    if value(name) == nil { problem(name, "is required") }
  }

  /// A text of `characters` code points (B-HTTP-8). Control characters are kept unless `plain` (B-HTTP-9).
  package func string(_ name: String, characters: ClosedRange<Int>, plain: Bool = false) -> String? {
    guard let value = value(name) else { return nil }
    return text(value, at: .member(path, name), characters: characters, plain: plain)
  }

  /// A text that `check` finds nothing wrong with; what it says stands behind the path.
  package func string(_ name: String, check: (String) -> String?) -> String? {
    guard let value = value(name) else { return nil }
    guard let text = value.string else { return wrong(.member(path, name), "must be a string") }
    if let objection = check(text) { return wrong(.member(path, name), objection) }
    return text
  }

  /// One of the choices, by its exact spelling.
  package func choice<Choice: RawRepresentable & CaseIterable>(_ name: String, of _: Choice.Type = Choice.self) -> Choice?
  where Choice.RawValue == String {
    guard let value = value(name) else { return nil }
    let choice = value.string.flatMap { text in Choice.allCases.first { $0.rawValue.isSame(as: text) } }
    return choice ?? wrong(.member(path, name), "must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
  }

  package func bool(_ name: String) -> Bool? {
    guard let value = value(name) else { return nil }
    if case .bool(let flag) = value { return flag }
    return wrong(.member(path, name), "must be true or false")
  }

  /// A whole number within the range.
  package func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
    guard let value = value(name) else { return nil }
    guard case .number(let number) = value, let integer = number.integer, range.contains(integer) else {
      return wrong(.member(path, name), "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return integer
  }

  /// A list of at most `max` objects; nil when absent. Elements that are wrong leave problems and no element.
  package func list<Element>(_ name: String, max: Int, _ element: (Fields) -> Element?) -> [Element]? {
    places(name, max: max, element)?.compactMap { $0 }
  }

  /// The same with a nil in the place of each element that is wrong, for rules that name elements by their index.
  package func places<Element>(_ name: String, max: Int, _ element: (Fields) -> Element?) -> [Element?]? {
    elements(name, max: max) { value, path in
      guard let object = value.object else { return wrong(path, "must be an object") }
      return element(Fields(object, at: path, problems: problems))
    }
  }

  /// A list of texts.
  package func strings(_ name: String, max: Int, characters: ClosedRange<Int>) -> [String]? {
    elements(name, max: max) { value, path in text(value, at: path, characters: characters, plain: true) }?.compactMap { $0 }
  }

  /// An object's members; nil when absent.
  package func object(_ name: String) -> Fields? {
    guard let value = value(name) else { return nil }
    guard let object = value.object else { return wrong(.member(path, name), "must be an object") }
    return Fields(object, at: .member(path, name), problems: problems)
  }

  /// The names of all members, for objects whose names are the caller's own.
  package var names: [String] { members.members.map(\.name) }

  /// What a PATCH says of a member: absent keeps, null clears, anything else sets what `read` makes of it.
  package func change<Value>(_ name: String, _ read: (String) -> Value?) -> Change<Value> {
    guard let value = members[name] else { return .keep }
    if value == .null { return .clear }
    return read(name).map(Change.set) ?? .keep
  }

  private func elements<Element>(_ name: String, max: Int, _ read: (JSON, Path) -> Element?) -> [Element?]? {
    guard let value = value(name) else { return nil }
    guard case .array(let elements) = value else { return wrong(.member(path, name), "must be a list") }
    guard elements.count <= max else { return wrong(.member(path, name), "must have at most \(max) elements") }
    return elements.enumerated().map { index, element in read(element, .element(.member(path, name), index)) }
  }

  private func text(_ value: JSON, at path: Path, characters: ClosedRange<Int>, plain: Bool) -> String? {
    guard let text = value.string else { return wrong(path, "must be a string") }
    guard text.hasCharacters(characters) else { return wrong(path, lengthMessage(characters)) }
    if plain, text.hasControlCharacters { return wrong(path, "must have no control characters") }
    return text
  }

  private func wrong<Value>(_ path: Path, _ message: String) -> Value? {
    problems.add(path, message)
    return nil
  }
}

/// What a PATCH says of a member.
package enum Change<Value> {
  case keep
  case set(Value)
  case clear
}

extension Change: Sendable where Value: Sendable {}

/// The problems of one body, in the order in which they were found, at most `max` of them.
package final class Problems {
  package static let max = 100
  package private(set) var list: [Problem] = []

  package init() {}

  package func add(_ path: Path, _ message: String) {
    if list.count < Self.max { list.append(Problem(path: path.text, message: message)) }
  }
}

/// A request's body: its bytes, and what they say.
package struct Body: Sendable {
  package let bytes: [UInt8]
  private let members: Result<JSON.Object, JSONError>

  /// Reads the JSON; what is wrong with it is kept. Big bodies take a while, so callers choose where they do this.
  package init(_ bytes: [UInt8]) {
    self.bytes = bytes
    members = Result { () throws(JSONError) in
      guard !bytes.isEmpty else { throw JSONError(path: .root, message: "must be a JSON object, but there is none") }
      guard let object = try JSON.parse(bytes).object else { throw JSONError(path: .root, message: "must be a JSON object") }
      return object
    }
  }

  /// What the caller asks for, read by `read`, which returns nil only if it noted a problem. A draft that exists is valid as far as the
  /// body alone can say. What is wrong is kept for later: a missing conversation is said first (B-ERR-8).
  package func draft<Value>(_ read: (Fields) -> Value?) -> Result<Value, ParleyError> {
    let problems = Problems()
    switch members {
    case .success(let members): if let value = read(Fields(members, problems: problems)), problems.list.isEmpty { return .success(value) }
    case .failure(let error): problems.add(error.path, error.message)
    }
    return .failure(.invalid(problems.list))
  }
}

extension String {
  /// Whether the text has so many code points; long texts are not counted to the end.
  package func hasCharacters(_ range: ClosedRange<Int>) -> Bool {
    // A code point has one to four bytes, so most texts need no counting.
    let bytes = utf8.count
    if bytes <= range.upperBound, bytes >= range.lowerBound * 4 { return true }
    if bytes > range.upperBound * 4 || bytes < range.lowerBound { return false }
    return range.contains(unicodeScalars.count)
  }

  /// U+0000 to U+001F and U+007F to U+009F.
  package var hasControlCharacters: Bool {
    unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
  }
}

private func lengthMessage(_ range: ClosedRange<Int>) -> String {
  range.lowerBound > 0
    ? "must have \(range.lowerBound) to \(range.upperBound) characters" : "must have at most \(range.upperBound) characters"
}

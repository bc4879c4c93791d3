/// A JSON value as it was written: members in order, numbers exact.
///
/// The reader is strict (RFC 8259 and rule B-HTTP-9): valid UTF-8, no lone surrogate, no member twice in one object,
/// at most `depthMax` levels and `valuesMax` values. Absent and null stay apart.
package enum JSON: Sendable, Equatable {
  case null
  case bool(Bool)
  case number(Number)
  case string(String)
  case array([JSON])
  case object(Object)

  /// Levels of arrays and objects inside each other; one more is an error.
  package static let depthMax = 64
  /// Values in one text. A body of 16 MiB has room for four times as many, at twenty times its size in memory.
  package static let valuesMax = 2_000_000

  /// A number by its text, so that nothing is rounded.
  package struct Number: Sendable, Equatable {
    package let text: String

    package init(text: String) { self.text = text }

    /// The number when it is a whole one that fits, however it is written: `10`, `10.0` and `1e1` are the same.
    package var integer: Int64? {
      if let plain = Int64(text) { return plain }
      return wholeValue(of: Array(text.utf8))
    }
  }

  /// Members in the order of the text, each name once.
  package struct Object: Sendable, Equatable {
    package private(set) var members: [(name: String, value: JSON)]

    package init(_ members: [(name: String, value: JSON)] = []) { self.members = members }

    /// The member of this name; nil when there is none. Setting nil removes it, setting a new one adds it at the end.
    package subscript(name: String) -> JSON? {
      get { members.first { $0.name.isSame(as: name) }?.value }
      set {
        let index = members.firstIndex { $0.name.isSame(as: name) }
        switch (index, newValue) {
        case (let index?, let value?): members[index].value = value
        case (let index?, nil): members.remove(at: index)
        case (nil, let value?): members.append((name, value))
        case (nil, nil): break
        }
      }
    }

    package static func == (left: Self, right: Self) -> Bool {
      left.members.elementsEqual(right.members) { $0.name.isSame(as: $1.name) && $0.value == $1.value }
    }
  }

  /// Reads one JSON text.
  package static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSON {
    let outcome: Result<JSON, JSONError> = bytes.withUnsafeBufferPointer { buffer in
      var reader = Reader(buffer)
      do throws(JSONError) {
        return .success(try reader.text())
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  /// The value's object, when it is one.
  package var object: Object? {
    if case .object(let object) = self { object } else { nil }
  }

  /// The value's text, when it is a string.
  package var string: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The value as compact JSON text.
  package var bytes: [UInt8] {
    var writer = JSONWriter()
    writer.value(self)
    return writer.bytes
  }
}

/// Why a text is no JSON that this server takes, and where.
package struct JSONError: Error, Equatable {
  /// Path of the member that is there twice. What is no JSON at all has no path: it is the whole text that is wrong, at a byte.
  package var path: Path
  package let message: String
}

extension String {
  /// Equality of bytes (rule B-HTTP-8); `==` would also equate texts that only look alike, such as K and the Kelvin sign.
  package func isSame(as other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }
}

// MARK: - Reading

private struct Reader {
  private let bytes: UnsafeBufferPointer<UInt8>
  private var at = 0
  private var values = 0

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  mutating func text() throws(JSONError) -> JSON {
    let value = try value(depth: 0)
    skipSpace()
    guard at == bytes.count else { throw fault("has more after its end, at byte \(at)") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSON {
    values += 1
    guard values <= JSON.valuesMax else { throw fault("has more than \(JSON.valuesMax) values") }
    skipSpace()
    guard at < bytes.count else { throw fault("ends too early") }
    switch bytes[at] {
    case UInt8(ascii: "{"): return try object(depth: depth + 1)
    case UInt8(ascii: "["): return try array(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    default: return try number()
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    guard depth <= JSON.depthMax else { throw fault("nests deeper than \(JSON.depthMax) levels") }
    at += 1
    var members: [(name: String, value: JSON)] = []
    var names = NameSet()
    skipSpace()
    if take(UInt8(ascii: "}")) { return .object(.init()) }
    while true {
      skipSpace()
      guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw unexpected() }
      let name = try string()
      guard names.insert(name, after: members) else { throw fault("is there twice", at: .member(.root, name)) }
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw unexpected() }
      do throws(JSONError) {
        members.append((name, try value(depth: depth)))
      } catch {
        throw error.inside(.member(.root, name))
      }
      skipSpace()
      if take(UInt8(ascii: ",")) { continue }
      guard take(UInt8(ascii: "}")) else { throw unexpected() }
      return .object(.init(members))
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    guard depth <= JSON.depthMax else { throw fault("nests deeper than \(JSON.depthMax) levels") }
    at += 1
    var elements: [JSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return .array([]) }
    while true {
      do throws(JSONError) {
        elements.append(try value(depth: depth))
      } catch {
        throw error.inside(.element(.root, elements.count))
      }
      skipSpace()
      if take(UInt8(ascii: ",")) { continue }
      guard take(UInt8(ascii: "]")) else { throw unexpected() }
      return .array(elements)
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    let length = word.utf8CodeUnitCount
    guard at + length <= bytes.count else { throw fault("ends too early") }
    for offset in 0..<length where bytes[at + offset] != word.utf8Start[offset] { throw unexpected() }
    at += length
    return value
  }

  private mutating func number() throws(JSONError) -> JSON {
    let start = at
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    return .number(.init(text: String(decoding: bytes[start..<at], as: UTF8.self)))
  }

  private mutating func digits() throws(JSONError) {
    let start = at
    while at < bytes.count, bytes[at].isDigit { at += 1 }
    guard at > start else { throw unexpected() }
  }

  private mutating func string() throws(JSONError) -> String {
    at += 1
    let start = at
    var highBits: UInt8 = 0
    while at < bytes.count {
      let byte = bytes[at]
      if byte == UInt8(ascii: "\"") {
        defer { at += 1 }
        return try validated(UnsafeBufferPointer(rebasing: bytes[start..<at]), ascii: highBits < 0x80)
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      guard byte >= 0x20 else { throw fault("has an unescaped control character at byte \(at)") }
      highBits |= byte
      at += 1
    }
    throw fault("ends too early")
  }

  /// The rest of a string that has escapes; `start` is its first byte, `at` its first backslash.
  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var text = Array(bytes[start..<at])
    while at < bytes.count {
      let byte = bytes[at]
      at += 1
      switch byte {
      case UInt8(ascii: "\""): return try text.withUnsafeBufferPointer { buffer throws(JSONError) in try validated(buffer, ascii: false) }
      case UInt8(ascii: "\\"): try escape(into: &text)
      case ..<0x20: throw fault("has an unescaped control character at byte \(at - 1)")
      default: text.append(byte)
      }
    }
    throw fault("ends too early")
  }

  private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
    guard at < bytes.count else { throw fault("ends too early") }
    let letter = bytes[at]
    at += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      var code = UInt32(try hexUnit())
      if (0xD800..<0xDC00).contains(code), at + 1 < bytes.count, bytes[at] == UInt8(ascii: "\\"), bytes[at + 1] == UInt8(ascii: "u") {
        at += 2
        let low = UInt32(try hexUnit())
        guard (0xDC00..<0xE000).contains(low) else { throw fault("has a lone surrogate before byte \(at)") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw fault("has a lone surrogate before byte \(at)") }
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: throw fault("has an unknown escape at byte \(at - 1)")
    }
  }

  private mutating func hexUnit() throws(JSONError) -> UInt16 {
    guard at + 4 <= bytes.count else { throw fault("ends too early") }
    var unit: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = bytes[at].hexValue else { throw fault("has an unknown escape at byte \(at)") }
      unit = unit << 4 | UInt16(digit)
      at += 1
    }
    return unit
  }

  private func validated(_ slice: UnsafeBufferPointer<UInt8>, ascii: Bool) throws(JSONError) -> String {
    if ascii { return String(decoding: slice, as: UTF8.self) }
    guard let text = String(validating: slice, as: UTF8.self) else { throw fault("is not valid UTF-8 before byte \(at)") }
    return text
  }

  private mutating func skipSpace() {
    while at < bytes.count {
      switch bytes[at] {
      case 0x20, 0x0A, 0x0D, 0x09: at += 1
      default: return
      }
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard at < bytes.count, bytes[at] == byte else { return false }
    at += 1
    return true
  }

  private func unexpected() -> JSONError {
    at < bytes.count ? fault("is not JSON at byte \(at)") : fault("ends too early")
  }

  private func fault(_ message: String, at path: Path = .root) -> JSONError { .init(path: path, message: message) }
}

/// The names of one object so far. A list serves small objects; a big one would make every new name cost all the others.
private struct NameSet {
  /// Hashes of the names, by the process's own seed; only two names of one hash are compared.
  private var hashes: Set<Int> = []

  mutating func insert(_ name: String, after members: [(name: String, value: JSON)]) -> Bool {
    if members.count < 16 { return !members.contains { $0.name.isSame(as: name) } }
    if hashes.isEmpty { hashes = Set(members.map { ExactText($0.name).hashValue }) }
    return hashes.insert(ExactText(name).hashValue).inserted || !members.contains { $0.name.isSame(as: name) }
  }
}

extension JSONError {
  fileprivate func inside(_ step: Path) -> JSONError {
    if path == .root { return self }
    var moved = self
    moved.path = path.below(step)
    return moved
  }
}

extension UInt8 {
  fileprivate var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

  fileprivate var hexValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

/// A number with fraction or exponent as an integer, when it is one: its digits shifted by the exponent leave nothing behind the point.
private func wholeValue(of text: [UInt8]) -> Int64? {
  let negative = text.first == UInt8(ascii: "-")
  let parts = text.drop { $0 == UInt8(ascii: "-") }.split(maxSplits: 1) { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }
  guard let mantissa = parts.first else { return nil }
  let point = mantissa.firstIndex(of: UInt8(ascii: ".")) ?? mantissa.endIndex
  let digits = Array(mantissa.filter(\.isDigit).drop { $0 == UInt8(ascii: "0") })
  if digits.isEmpty { return 0 }
  let fraction = max(0, mantissa.distance(from: point, to: mantissa.endIndex) - 1)
  let trailingZeros = digits.reversed().prefix { $0 == UInt8(ascii: "0") }.count
  // An exponent that does not fit an Int could not give an integer of 64 bits either.
  guard let exponent = parts.count == 2 ? Int(String(decoding: parts[1], as: UTF8.self)) : 0, exponent.magnitude < 1 << 40 else {
    return nil
  }
  let significant = digits.dropLast(trailingZeros)
  let shift = exponent - fraction + trailingZeros
  guard shift >= 0, significant.count + shift <= 19 else { return nil }
  let whole = String(decoding: significant, as: UTF8.self) + String(repeating: "0", count: shift)
  return Int64((negative ? "-" : "") + whole)
}

// MARK: - Writing

/// Writes compact JSON text, commas included.
package struct JSONWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init(capacity: Int = 0) {
    if capacity > 0 { bytes.reserveCapacity(capacity) }
  }

  package mutating func object(_ members: (inout JSONWriter) throws -> Void) rethrows {
    open(UInt8(ascii: "{"))
    try members(&self)
    close(UInt8(ascii: "}"))
  }

  package mutating func array(_ elements: (inout JSONWriter) throws -> Void) rethrows {
    open(UInt8(ascii: "["))
    try elements(&self)
    close(UInt8(ascii: "]"))
  }

  package mutating func string(_ text: String) {
    separate()
    quoted(text)
    needsComma = true
  }

  package mutating func integer(_ number: Int64) { raw(String(number)) }

  package mutating func bool(_ flag: Bool) { raw(flag ? "true" : "false") }

  package mutating func null() { raw("null") }

  /// Text that is one JSON value already, or several with commas between them.
  package mutating func raw(_ json: [UInt8]) {
    separate()
    bytes.append(contentsOf: json)
    needsComma = true
  }

  package mutating func raw(_ json: String) {
    separate()
    bytes.append(contentsOf: json.utf8)
    needsComma = true
  }

  /// A member's name; its value must follow.
  package mutating func name(_ name: String) {
    separate()
    quoted(name)
    bytes.append(UInt8(ascii: ":"))
    needsComma = false
  }

  package mutating func member(_ name: String, _ text: String) {
    self.name(name)
    string(text)
  }

  package mutating func member(_ name: String, _ number: Int64) {
    self.name(name)
    integer(number)
  }

  package mutating func member(_ name: String, _ flag: Bool) {
    self.name(name)
    bool(flag)
  }

  package mutating func member(_ name: String, raw json: [UInt8]) {
    self.name(name)
    raw(json)
  }

  package mutating func value(_ json: JSON) {
    switch json {
    case .null: null()
    case .bool(let flag): bool(flag)
    case .number(let number): raw(number.text)
    case .string(let text): string(text)
    case .array(let elements): array { writer in for element in elements { writer.value(element) } }
    case .object(let object):
      self.object { writer in
        for member in object.members {
          writer.name(member.name)
          writer.value(member.value)
        }
      }
    }
  }

  private mutating func open(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    needsComma = false
  }

  private mutating func close(_ bracket: UInt8) {
    bytes.append(bracket)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
  }

  private mutating func quoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { utf8 in
      var clean = 0
      for index in utf8.indices {
        let byte = utf8[index]
        guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
        bytes.append(contentsOf: utf8[clean..<index])
        escape(byte)
        clean = index + 1
      }
      bytes.append(contentsOf: utf8[clean...])
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func escape(_ byte: UInt8) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case ..<0x20:
      let digits = Array("0123456789abcdef".utf8)
      bytes.append(contentsOf: "u00".utf8)
      bytes.append(digits[Int(byte >> 4)])
      bytes.append(digits[Int(byte & 15)])
    default: bytes.append(byte)
    }
  }
}

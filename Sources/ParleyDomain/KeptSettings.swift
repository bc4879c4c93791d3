/// Settings of a configuration as they are kept: capture rules, which may be large, apart from all others. Code that needs a callback or a
/// timeout does not read them.
package struct KeptSettings: Sendable, Equatable {
  /// Bytes of JSON that settings may have without their capture rules (B-CFG-23).
  package static let bytesMax = 256 << 10
  /// Bytes of JSON of all capture rules together.
  package static let ruleBytesMax = 1 << 20

  /// JSON text, with a null in the place of each channel's capture rules.
  package let text: [UInt8]
  /// What belongs into these places: JSON lists in their order, one a line; nil if there are none, or if they stand in the text.
  package let rules: [UInt8]?
  /// Whether rules stand in the text, as they did in an earlier form.
  package let isWhole: Bool

  package init(text: [UInt8], rules: [UInt8]?, isWhole: Bool = false) {
    (self.text, self.rules, self.isWhole) = (text, rules, isWhole)
  }

  /// JSON text of the settings as the API shows them.
  package func shown() throws -> [UInt8] { try Self.joined(text, with: rules) }

  /// A text with the rules in their places.
  static func joined(_ text: [UInt8], with rules: [UInt8]?) throws -> [UInt8] {
    guard let rules else { return text }
    var joined: [UInt8] = []
    joined.reserveCapacity(text.count + rules.count)
    var (rest, lines) = (text[...], rules.split(separator: newline, omittingEmptySubsequences: false)[...])
    while let place = place(in: rest) {
      guard let line = lines.popFirst(), rest[place...].starts(with: null) else { throw damage }
      joined.append(contentsOf: rest[..<place])
      joined.append(contentsOf: line)
      rest = rest[(place + null.count)...]
    }
    guard lines.isEmpty else { throw damage }
    return joined + rest
  }

  /// The same settings with their rules apart; nothing is parsed.
  package func apart() throws -> KeptSettings {
    guard isWhole else { return self }
    var (short, lists): ([UInt8], [ArraySlice<UInt8>]) = ([], [])
    var rest = text[...]
    while let place = Self.place(in: rest) {
      let end = try Self.end(ofListAt: place, in: rest)
      short += rest[..<place] + Self.null
      lists.append(rest[place..<end])
      rest = rest[end...]
    }
    return KeptSettings(text: short + rest, rules: lists.isEmpty ? nil : Array(lists.joined(separator: [Self.newline])))
  }

  /// Where the next capture rules stand, behind their name. Inside a text the quotes of such a name would have backslashes before them.
  private static func place(in text: ArraySlice<UInt8>) -> Int? {
    var start = text.startIndex
    while let quote = text[start...].firstIndex(of: quote) {
      if text[quote...].starts(with: name) { return quote + name.count }
      start = quote + 1
    }
    return nil
  }

  /// The index behind a list. What texts in it say is not looked at.
  private static func end(ofListAt start: Int, in text: ArraySlice<UInt8>) throws -> Int {
    var (depth, index, isInText) = (0, start, false)
    while index < text.endIndex {
      switch text[index] {
      case backslash where isInText: index += 1
      case quote: isInText.toggle()
      case UInt8(ascii: "[") where !isInText, UInt8(ascii: "{") where !isInText: depth += 1
      case UInt8(ascii: "]") where !isInText, UInt8(ascii: "}") where !isInText: depth -= 1
      default: break
      }
      index += 1
      if depth == 0 { return index }
    }
    throw damage
  }

  private static let name = Array("\"captureRules\":".utf8)
  private static let null = Array("null".utf8)
  private static let newline = UInt8(ascii: "\n")
  private static let quote = UInt8(ascii: "\"")
  private static let backslash = UInt8(ascii: "\\")
  private static let damage = DamagedDocument(reason: "capture rules without a place")
}

extension Fields {
  /// Notes that settings are larger than they may be (B-CFG-23).
  func checkSize(ofSettings text: [UInt8]) {
    if let objection = KeptSettings.objection(to: text) { problem(objection) }
  }
}

extension KeptSettings {
  /// What is wrong with the size of settings; reads on from their path.
  static func objection(to text: [UInt8]) -> String? {
    text.count <= bytesMax ? nil : "must have settings of at most \(bytesMax) bytes of JSON besides capture rules, but has \(text.count)"
  }
}

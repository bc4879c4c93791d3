import Foundation
import Testing

/// The list of rules, the code and the tests name the same rules.
@Suite struct RuleTests {
  @Test("A rule that is named anywhere is on the page of rules")
  func named() throws {
    let listed = Set(try Rule.listed().map(\.id))
    for mention in try Mention.everywhere.get() where !listed.contains(mention.id) {
      Issue.record("\(mention.path):\(mention.line) names \(mention.id), which \(Rule.page) does not have")
    }
  }

  @Test("A rule that is served is named by a test")
  func tested() throws {
    let tested = Set(try Mention.everywhere.get().filter(\.isTest).map(\.id))
    for rule in try Rule.listed() where rule.mark == .served && !tested.contains(rule.id) {
      Issue.record("\(Rule.page):\(rule.line) says that \(rule.id) is served, but no test names it")
    }
  }

  @Test("The rules of a family ascend, so none is on the page twice")
  func order() throws {
    var latest: [String: Int] = [:]
    for rule in try Rule.listed() {
      if let before = latest[rule.id.family], before >= rule.id.number {
        Issue.record("\(Rule.page):\(rule.line) has \(rule.id) after number \(before)")
      }
      latest[rule.id.family] = rule.id.number
    }
  }

  @Test("Every row of a table of rules has an id, one of the three marks and a text")
  func rows() throws {
    let rules = Dictionary(try Rule.listed().map { ($0.line, $0) }) { first, _ in first }
    #expect(rules.count > 400)
    var isTable = false
    for (index, line) in try Rule.lines().enumerated() {
      if !line.hasPrefix("|") { isTable = false }
      if isTable, !line.hasPrefix("| ---") { #expect(rules[index + 1] != nil, "\(Rule.page):\(index + 1): \(line)") }
      if line == Rule.head { isTable = true }
      #expect(isTable || !line.hasPrefix("| B-"), "\(Rule.page):\(index + 1) is a rule outside of a table of rules")
    }
  }
}

/// A rule's family and its number there.
private struct RuleID: Hashable, CustomStringConvertible {
  let family: String
  let number: Int

  var description: String { "B-\(family)-\(number)" }

  /// All that a line names, those between the ends of a range too.
  static func all(in line: String) -> [RuleID] {
    guard line.contains("B-") else { return [] }
    return line.matches(of: /B-([A-Z]+)-([0-9]+)(?:…([0-9]+))?/).flatMap { match in
      let first = Int(match.2) ?? 0
      let last = match.3.flatMap { Int($0) } ?? first
      return (first...max(first, last)).map { RuleID(family: String(match.1), number: $0) }
    }
  }
}

/// A row of the page of rules.
private struct Rule {
  static let page = "docs/rules.md"
  static let head = "| rule | mark | what holds |"

  enum Mark: String {
    case served
    case notYet = "not yet"
    case note
  }

  let id: RuleID
  let mark: Mark
  let line: Int

  static func lines() throws -> [String] {
    try #require(try Mention.texts.get().first { $0.path == page }, "\(page) is missing").lines
  }

  /// All rows that are well-formed, in their order.
  static func listed() throws -> [Rule] {
    try lines().enumerated().compactMap { index, line in
      guard let row = line.wholeMatch(of: /\| (B-[A-Z]+-[0-9]+) \| ([a-z ]+) \| [^ |][^|]* \|/) else { return nil }
      guard let id = RuleID.all(in: String(row.1)).first, let mark = Mark(rawValue: String(row.2)) else { return nil }
      return Rule(id: id, mark: mark, line: index + 1)
    }
  }
}

/// A place that names a rule: in the code, in a test or in a document.
private struct Mention {
  let id: RuleID
  let path: String
  let line: Int

  var isTest: Bool { path.hasPrefix("Tests/") }

  /// Read once, because every test here looks at them.
  static let texts = Result { try TextFile.all() }

  static let everywhere = texts.map { texts in
    texts.filter { text in [".swift", ".py", ".md"].contains { text.path.hasSuffix($0) } }.flatMap { text in
      text.lines.enumerated().flatMap { index, line in
        RuleID.all(in: line).map { Mention(id: $0, path: text.path, line: index + 1) }
      }
    }
  }
}

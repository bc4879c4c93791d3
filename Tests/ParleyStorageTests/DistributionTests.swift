import Foundation
import Testing

@testable import ParleyStorage

/// What lets an engine distribute the tables by account, as `docs/beyond-one-server.md` says.
@Suite("Distribution by account")
struct DistributionTests {
  /// Tables that belong to no account.
  private static let shared: Set<String> = ["parley_schema", "account"]
  /// Tables that are found by their own id before the account is known, and so are on every server.
  private static let foundFirst: Set<String> = ["api_key"]
  /// Tables of work that is found by when it is due, and of the installation's own work, which is no account's.
  private static let foundByTime: Set<String> = ["lane", "job"]
  /// Keys of accounts' data that don't begin with the account.
  private static let exceptions: Set<String> = ["api_key (id)", "lane (host, due_at)", "lane (due_at)"]

  // MARK: - The schema

  @Test("Every primary key and index of an account's data begins with the account, but for the exceptions")
  func keys() {
    let tables = Tables()
    #expect(tables.byName.count > Self.shared.count)
    var others: Set<String> = []
    for (name, table) in tables.byName where table.columns.contains("account_id") {
      #expect(!table.keys.isEmpty, "\(name) has no primary key, so nothing says where its rows belong")
      for key in table.keys where key.first != "account_id" { others.insert("\(name) (\(key.joined(separator: ", ")))") }
    }
    #expect(others == Self.exceptions)
  }

  @Test("Every table has an account, but for the schema's own and the accounts")
  func accounts() {
    #expect(Set(Tables().byName.filter { !$0.value.columns.contains("account_id") }.keys) == Self.shared)
  }

  @Test("Every foreign key stays within the account")
  func references() {
    let tables = Tables()
    for (name, table) in tables.byName {
      for reference in table.references {
        let goesTo = tables.byName[reference.table]
        let expected = goesTo?.columns.contains("account_id") == true ? "account_id" : "id"
        #expect(
          reference.from.first == "account_id" && reference.to.first == expected,
          "\(name) (\(reference.from.joined(separator: ", "))) to \(reference.table) (\(reference.to.joined(separator: ", ")))")
      }
    }
  }

  @Test("The page names every exception, and says of every table how to distribute it")
  func page() throws {
    let page = try Self.text(of: "docs/beyond-one-server.md")
    for exception in Self.exceptions.union(Self.shared).union(Self.foundByTime) { #expect(page.contains("`\(exception)`"), "\(exception)") }
    for (name, table) in Tables().byName
    where table.columns.contains("account_id") && !Self.foundFirst.union(Self.foundByTime).contains(name) {
      #expect(page.contains("create_distributed_table('\(name)', 'account_id'"), "\(name)")
    }
  }

  // MARK: - The statements

  @Test("Every statement on an account's data names the account of every table in it")
  func statements() throws {
    let names = Set(Tables().byName.filter { $0.value.columns.contains("account_id") }.keys).subtracting(Self.foundFirst).subtracting(
      Self.foundByTime)
    var seen: Set<String> = []
    for file in try Self.tableFiles() {
      for statement in try Self.statements(in: file) {
        let all = statement.matches(of: /(FROM|JOIN|INTO|UPDATE) (\w+)/).map { String($0.2) }
        seen.formUnion(all.filter(names.contains))
        let tables = all.filter(names.union(Self.foundByTime).contains)
        guard tables.contains(where: names.contains) else { continue }
        if statement.hasPrefix("INSERT") {
          #expect(statement.prefixMatch(of: /INSERT INTO \w+ \(account_id,/) != nil, "\(file): \(statement)")
        } else {
          // One condition a table: the account that is given, or that of the table it is joined to.
          let conditions = statement.matches(of: /\b(\w+\.)?account_id = (\\\(account\)|\w+\.account_id)/).count
          #expect(conditions == tables.count && statement.contains(#"account_id = \(account)"#), "\(file): \(statement)")
        }
      }
    }
    #expect(seen == names, "a table is used in no statement that this test finds, or it does not find them")
  }

  // MARK: - Parts

  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private static func text(of path: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }

  private static func tableFiles() throws -> [String] {
    let folder = "Sources/ParleyStorage"
    let names = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent(folder).path)
    return names.filter { $0.hasSuffix("Table.swift") }.sorted().map { "\(folder)/\($0)" }
  }

  /// The texts of a source that begin as statements do, each on one line.
  private static func statements(in path: String) throws -> [String] {
    let text = try Self.text(of: path)
    let long = text.matches(of: /"""\n\s*((SELECT|INSERT|UPDATE|DELETE)\b[\s\S]*?)"""/).map { $0.1 }
    let short = text.matches(of: /"((SELECT|INSERT|UPDATE|DELETE)\b[^"\n]*)"/).map { $0.1 }
    return (long + short).map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
  }

  /// The tables as the migrations' texts make them.
  private struct Tables {
    private(set) var byName: [String: Table] = [:]

    struct Table {
      var columns: [String] = []
      /// Columns of each primary key, unique constraint and index.
      var keys: [[String]] = []
      var references: [Reference] = []
    }

    struct Reference {
      let from: [String]
      let table: String
      let to: [String]
    }

    init() {
      for statement in Migration.all.flatMap({ $0.text.split(separator: ";") }) {
        let text = statement.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if let match = text.wholeMatch(of: /CREATE TABLE (\w+) \((.*)\)( WITHOUT ROWID)?/) {
          byName[String(match.1)] = Self.table(of: String(match.2))
        } else if let match = text.prefixMatch(of: /CREATE (UNIQUE )?INDEX \w+ ON (\w+) \(([^)]*)\)/) {
          byName[String(match.2)]?.keys.append(Self.names(match.3))
        } else if let match = text.wholeMatch(of: /ALTER TABLE (\w+) ADD COLUMN (\w+) (TEXT|BIGINT)( NOT NULL)?( DEFAULT \d+)?/) {
          byName[String(match.1)]?.columns.append(String(match.2))
        } else if text.contains(/\b(TABLE|KEY|UNIQUE|INDEX|REFERENCES)\b/) {
          Issue.record("this test does not know what it says about keys: \(text)")
        }
      }
    }

    private static func table(of definition: String) -> Table {
      var table = Table()
      for item in items(of: definition) {
        if let match = item.prefixMatch(of: /(PRIMARY KEY|UNIQUE) \(([^)]*)\)/) {
          table.keys.append(names(match.2))
        } else if let match = item.prefixMatch(of: /FOREIGN KEY \(([^)]*)\) REFERENCES (\w+) \(([^)]*)\)/) {
          table.references.append(Reference(from: names(match.1), table: String(match.2), to: names(match.3)))
        } else if !item.hasPrefix("CHECK"), let column = names(item[...]).first {
          table.columns.append(column)
          if item.contains(/PRIMARY KEY|UNIQUE/) { table.keys.append([column]) }
          if let match = item.firstMatch(of: /REFERENCES (\w+) \(([^)]*)\)/) {
            table.references.append(Reference(from: [column], table: String(match.1), to: names(match.2)))
          }
        }
      }
      return table
    }

    /// What stands between the commas that are in no parentheses.
    private static func items(of definition: String) -> [String] {
      var items = [""]
      var depth = 0
      for character in definition {
        if character == "," && depth == 0 {
          items.append("")
          continue
        }
        if character == "(" { depth += 1 }
        if character == ")" { depth -= 1 }
        items[items.count - 1].append(character)
      }
      return items.map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// The first word between each two commas.
    private static func names(_ list: Substring) -> [String] {
      list.split(separator: ",").compactMap { $0.split(separator: " ").first.map(String.init) }
    }
  }
}

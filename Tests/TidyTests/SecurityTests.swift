import Foundation
import Testing

/// The tables of SECURITY.md name tests that exist.
@Suite struct SecurityTests {
  private static let page = "SECURITY.md"

  @Test("Every test that the tables of SECURITY.md name is there")
  func named() throws {
    let rows = try Self.rows()
    #expect(rows.count > 20)
    for (number, cell) in rows {
      var type = ""
      let names = cell.matches(of: /`([A-Za-z_.]+)`/).map { String($0.1) }
      #expect(!names.isEmpty, "\(Self.page):\(number) names no test")
      for name in names {
        if name.hasPrefix("test_") {
          #expect(try Self.isInClients(name), "\(Self.page):\(number): \(name)")
          continue
        }
        // A function alone is one of the type that was named last.
        let parts = name.split(separator: ".").map(String.init)
        if name.first?.isUppercase == true { type = parts[0] }
        let function = parts.count == 2 ? parts[1] : name == type ? nil : name
        #expect(try Self.isInSwift(function, of: type), "\(Self.page):\(number): \(function ?? "") of \(type)")
      }
    }
  }

  /// The right cell of each row that has two, with the number of its line.
  private static func rows() throws -> [(Int, Substring)] {
    let text = try String(contentsOf: Package.root.appendingPathComponent(page), encoding: .utf8)
    return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
      let cells = line.split(separator: "|")
      guard line.hasPrefix("| "), cells.count == 2, !line.hasPrefix("| ---"), !line.contains("by which test") else { return nil }
      return (index + 1, cells[1])
    }
  }

  private static func isInSwift(_ function: String?, of type: String) throws -> Bool {
    let files = try SourceFile.all(in: "Tests/").filter { file in
      file.code.contains { $0.contains("struct \(type) ") || $0.contains("extension \(type) ") }
    }
    guard let function else { return !files.isEmpty }
    return files.contains { file in file.code.contains { $0.contains("func \(function)(") } }
  }

  private static func isInClients(_ name: String) throws -> Bool {
    let files = try TextFile.all().filter { $0.path.hasPrefix("Tests/Clients/") }
    return files.contains { file in file.path.hasSuffix("/\(name)") || file.lines.contains { $0.hasPrefix("def \(name)(") } }
  }
}

import Foundation
import Testing

/// Walls and habits of the project that no compiler holds up.
@Suite struct TidyTests {
  /// What the files of each target may import. A target sees what stands to its right in the chain, never left; SQL is behind one seam.
  private static let imports: [String: Set<String>] = [
    "CBuild": [],
    "CPostgres": [],
    "CSQLite": [],
    "ParleyDomain": ["Synchronization"],
    "ParleyStorage": ["CPostgres", "CSQLite", "Crypto", "DequeModule", "Foundation", "ParleyDomain", "Synchronization"],
    "ParleyEngine": [
      "AsyncHTTPClient", "Crypto", "Foundation", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL", "ParleyDomain", "ParleyStorage",
      "ServiceLifecycle",
      "Synchronization",
    ],
    "ParleyAPI": [
      "Crypto", "Foundation", "HTTPTypes", "HummingbirdCore", "Logging", "NIOCore", "NIOHTTP1", "NIOPosix", "ParleyDomain",
      "ParleyEngine", "ServiceLifecycle", "Synchronization",
    ],
    "parley": [
      "ArgumentParser", "AsyncHTTPClient", "CBuild", "Foundation", "HTTPTypes", "HummingbirdCore", "Logging", "NIOCore", "NIOHTTP1",
      "NIOPosix", "ParleyAPI", "ParleyDomain", "ParleyEngine", "ParleyStorage", "ServiceLifecycle", "Synchronization", "UnixSignals",
    ],
    // What the server is measured against; no part of it.
    "yardstick": [
      "AsyncHTTPClient", "CSQLite", "Crypto", "Foundation", "HTTPTypes", "Hummingbird", "NIOCore", "NIOHTTP1", "NIOPosix",
      "Synchronization",
    ],
  ]

  @Test("A target imports what it may")
  func walls() throws {
    for file in try SourceFile.all(in: "Sources") {
      let allowed = try #require(Self.imports[file.target], "the target of \(file.path) has no row here")
      for module in file.imports { #expect(allowed.contains(module), "\(file.path) imports \(module)") }
    }
  }

  @Test("Only a database's driver imports its library", arguments: [("CSQLite", "SQLite"), ("CPostgres", "Postgres")])
  func seam(library: String, prefix: String) throws {
    for file in try SourceFile.all(in: "Sources/ParleyStorage") where file.imports.contains(library) {
      #expect(file.name.hasPrefix(prefix), "\(file.path)")
    }
  }

  @Test("Every source is in a folder of a target")
  func places() throws {
    for file in try SourceFile.all(in: "Sources") {
      #expect(file.path.split(separator: "/").count >= 3 && Self.imports[file.target] != nil, "\(file.path)")
    }
  }

  @Test(
    "Time of day and ids have one source each, nothing gives up or waits for a clock, and nothing is left for later", arguments: Ban.sources
  )
  func bans(_ ban: Ban) throws {
    for file in try SourceFile.all(in: "Sources") where !ban.exceptions.contains(file.name) { try ban.check(file) }
  }

  @Test("No test waits for a clock but the one place that asks a process again", arguments: Ban.tests)
  func testBans(_ ban: Ban) throws {
    for file in try SourceFile.all(in: "Tests") where !ban.exceptions.contains(file.name) { try ban.check(file) }
  }

  /// What code must not say.
  struct Ban: CustomTestStringConvertible, Sendable {
    /// A regular expression; what stands in comments and texts does not count.
    let pattern: String
    var exceptions: Set<String> = []
    var testDescription: String { pattern }

    static let sources = [
      Ban(pattern: #"\bDate\(\)|\bDate\.now\b|gettimeofday|CLOCK_REALTIME"#, exceptions: ["SystemClock.swift"]),
      Ban(pattern: #"\bUUID\(\)"#),
      Ban(pattern: #"\bTask\.sleep|\bThread\.sleep"#),
      Ban(pattern: #"\btry!|\bas!|\bfatalError\("#),
      Ban(pattern: #"\b(public|open) (final|static|class|struct|enum|protocol|actor|func|var|let|init|typealias|extension)\b"#),
      // Results go to standard output by one function, everything else to the log.
      Ban(pattern: #"\bprint\("#, exceptions: ["Report.swift"]),
    ]

    // Assembled, so that this file does not say it.
    static let tests = [Ban(pattern: #"\b(Task|Thread)\.sle"# + #"ep|\busleep\("#, exceptions: ["Eventually.swift"])]

    func check(_ file: SourceFile) throws {
      let expression = try Regex(pattern)
      for (number, line) in file.code.enumerated() where line.contains(expression) {
        Issue.record("\(file.path):\(number + 1): \(line.trimmingCharacters(in: .whitespaces))")
      }
    }
  }

  @Test("Nothing is marked as left for later")
  func leftForLater() throws {
    let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
    for file in try SourceFile.all(in: "") {
      for (number, line) in file.lines.enumerated() where marks.contains(where: { line.contains($0) }) {
        Issue.record("\(file.path):\(number + 1): \(line)")
      }
    }
  }

  @Test("Every type at the top of a file says what it is")
  func documentedTypes() throws {
    let declaration = try Regex(#"^((package|private|fileprivate|final|indirect) )*(class|struct|enum|protocol|actor) "#)
    for file in try SourceFile.all(in: "Sources/Parley") {
      for (number, line) in file.lines.enumerated()
      where line.contains(declaration) && !line.hasPrefix("private") && !line.hasPrefix("fileprivate") {
        let above = file.lines[..<number].last { !$0.hasPrefix("@") } ?? ""
        #expect(above.hasPrefix("///"), "\(file.path):\(number + 1)")
      }
    }
  }

  @Test("A source file has one subject: it is at most 320 lines long")
  func lengths() throws {
    for file in try SourceFile.all(in: "Sources") where !["JSON.swift", "OpenAPIDocument.swift"].contains(file.name) {
      #expect(file.lines.count <= 320, "\(file.path)")
    }
  }

  @Test(
    "What a reader looks for first is there",
    arguments: [
      "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "STYLE.md", "docs/architecture.md", "docs/performance.md",
      "docs/decisions", "docs/operations.md",
      "docs/webhooks.md", "docs/beyond-one-server.md", "script/setup", "script/postgres", "script/cluster",
      "script/server", "script/test", "script/format",
      "script/lint", "script/bench", ".ci/run",
      ".swift-format",
    ])
  func documents(_ path: String) {
    let file = Package.root.appendingPathComponent(path).path
    #expect(FileManager.default.fileExists(atPath: file))
    if path.hasPrefix("script/") || path.hasPrefix(".ci/") { #expect(FileManager.default.isExecutableFile(atPath: file)) }
  }

  @Test("No file names a place on somebody's machine")
  func machines() throws {
    // Assembled, so that this file does not say it.
    let words = ["/home" + "/", "/Users" + "/", "/root" + "/", "/wo" + "rk/"]
    for file in try TextFile.all() {
      for (number, line) in file.lines.enumerated() {
        for word in words where line.contains(word) { Issue.record("\(file.path):\(number + 1) says \(word)") }
      }
    }
  }
}

/// The package that this file is part of.
enum Package {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Paths of all files below a folder, from the root, those that are made aside.
  static func files(in folder: String = "") throws -> [String] {
    let made: Set<String> = [".git", ".build", ".swiftpm", ".venv", "__pycache__", ".pytest_cache", ".hypothesis"]
    let start = root.appendingPathComponent(folder)
    var paths: [String] = []
    for name in try FileManager.default.contentsOfDirectory(atPath: start.path).sorted() where !made.contains(name) {
      if name.hasPrefix(".build") || (folder.isEmpty && name.hasPrefix("data")) { continue }
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path, isDirectory: &isFolder) else { continue }
      paths += isFolder.boolValue ? try files(in: path) : [path]
    }
    return paths
  }
}

/// A file of text.
struct TextFile {
  let path: String
  let lines: [String]

  /// All of the package that are UTF-8.
  static func all() throws -> [TextFile] {
    try Package.files().compactMap { path in
      guard let text = try? String(contentsOf: Package.root.appendingPathComponent(path), encoding: .utf8) else { return nil }
      return TextFile(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    }
  }
}

/// A file of Swift.
struct SourceFile {
  let path: String
  let lines: [String]
  /// The same lines without what stands in comments and in texts of one line.
  let code: [String]

  /// All of the product and of its tests; read once, because every test here looks at them.
  private static let everywhere = Result {
    try (Package.files(in: "Sources") + Package.files(in: "Tests")).filter { $0.hasSuffix(".swift") }.map(SourceFile.init)
  }

  /// All whose path begins so.
  static func all(in prefix: String) throws -> [SourceFile] { try everywhere.get().filter { $0.path.hasPrefix(prefix) } }

  private init(path: String) throws {
    self.path = path
    let text = try String(contentsOf: Package.root.appendingPathComponent(path), encoding: .utf8)
    // A file ends with a line break, behind which there is no line.
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    code = lines.map(Self.code)
  }

  private static func code(_ line: String) -> String {
    guard line.contains("\"") || line.contains("//") else { return line }
    return line.replacing(/"(\\.|[^"\\])*"/, with: "\"\"").replacing(/\/\/.*/, with: "")
  }

  var name: String { String(path.split(separator: "/").last ?? "") }

  /// Name of the target, which is that of its folder.
  var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

  /// Names of the modules that it imports.
  var imports: [String] {
    code.compactMap { line in
      guard line.contains("import ") else { return nil }
      return line.wholeMatch(of: /(@\w+ )*((package|internal|private) )?import ((struct|class|enum|func) )?(?<module>\w+)[.\w]* */)
        .map { String($0.module) }
    }
  }
}

import Foundation
import ParleyDomain
import Synchronization

@testable import ParleyStorage

/// A PostgreSQL cluster of this test process alone, which ends with it. Started by who needs it first.
package final class TestCluster: Sendable {
  /// What standard input the cluster waits on; it stops when that ends, however this process ends.
  private let lifeline: Pipe
  private let folder: URL
  /// Of the database that is there from the start.
  private let url: String
  private let administrator: Mutex<PostgresConnection>
  private let places = Atomic<Int>(0)

  private static let shared = Result {
    try TestCluster(FileManager.default.temporaryDirectory.appendingPathComponent("parley-pg-\(getpid())"))
  }

  /// The cluster that tests share. Throws if there can be none: script/setup --tests installs the server.
  package static func get() throws -> TestCluster { try shared.get() }

  /// Starts a cluster in a folder that is not there.
  package init(_ folder: URL) throws {
    self.folder = folder
    lifeline = Pipe()
    let output = Pipe()
    for descriptor in [lifeline, output].flatMap({ [$0.fileHandleForReading.fileDescriptor, $0.fileHandleForWriting.fileDescriptor] }) {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }
    let process = Process()
    process.executableURL = Self.script
    // All tests run at once, each with a pool of its own.
    process.arguments = ["--set", "max_connections=1500", folder.path]
    process.standardInput = lifeline
    process.standardOutput = output
    try process.run()
    // One line, or the end.
    var said = Data()
    while !said.contains(UInt8(ascii: "\n")) {
      let part = output.fileHandleForReading.availableData
      if part.isEmpty { throw StartFailure("the cluster of the tests did not start; script/setup --tests installs PostgreSQL") }
      said.append(part)
    }
    let words = String(decoding: said, as: UTF8.self).split { $0.isWhitespace }
    guard words.count > 1, let url = PostgresURL(String(words[1])) else { throw StartFailure("the cluster said: \(words)") }
    self.url = String(words[1])
    administrator = Mutex(try PostgresConnection(url, connectSeconds: 10))
  }

  /// Where the cluster listens.
  package var port: Int { URLComponents(string: url)?.port ?? 0 }

  /// Makes an empty place for tables and answers its URL: a schema, which costs a hundredth of a database.
  package func makePlace() throws -> String {
    let name = "test_\(places.add(1, ordering: .relaxed).newValue)"
    try administrator.withLock { try $0.execute("CREATE SCHEMA \(name)") }
    return "\(url)?options=-c%20search_path%3D\(name)"
  }

  /// Removes what `makePlace` made; nobody uses it any more.
  package func drop(_ url: String) {
    guard let name = url.split(separator: "%3D").last else { return }
    administrator.withLock { try? $0.execute("DROP SCHEMA IF EXISTS \(name) CASCADE") }
  }

  /// Runs text of SQL in a database, for what no part of the product does.
  package static func execute(_ text: String, on url: String) throws {
    guard let parsed = PostgresURL(url) else { throw StartFailure("\(url) is no URL") }
    try PostgresConnection(parsed, connectSeconds: 10).execute(text)
  }

  /// Stops the server, as a power cut would or after its sessions have ended.
  package func stop(immediately: Bool) throws { try run(["stop"] + (immediately ? ["--immediate"] : []) + [folder.path]) }

  /// Starts a server that was stopped, where it was.
  package func start() throws { try run(["start", folder.path]) }

  /// Not by Foundation's `Process`, which takes for the script's end that of a descriptor that the server inherits and keeps.
  private func run(_ arguments: [String]) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    let words = ([Self.script.path] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    var status: Int32 = 0
    guard posix_spawn(&process, Self.script.path, &actions, nil, words, environ) == 0 else {
      throw StartFailure("\(Self.script.path) can't be run")
    }
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else { throw StartFailure("script/postgres \(arguments[0]) failed") }
  }

  private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("script/postgres")
}

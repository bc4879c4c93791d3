import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization

@testable import ParleyStorage

/// Nodes of one installation: processes over one PostgreSQL database, with one key and one account.
final class NodeCluster: Sendable {
  static let sid = "AC0000000000000000000000000000beef"
  static let token = "a-token-that-all-nodes-were-given"
  static let key = Data(repeating: 7, count: 32).base64EncodedString()

  let folder: URL
  /// The database as the test reaches it.
  let place: String
  private let environment: [String: String]
  private let running = Mutex<[ServerProcess]>([])

  /// Runs a test with nodes on an empty database, and ends them. `place` is the database of a cluster of the test's own, `nodesURL` makes of
  /// it what the nodes are given, and each of the launchers starts one node.
  static func with(
    _ launchers: [[String]] = [[], [], []], on place: String? = nil, _ environment: [String: String] = [:],
    nodesURL: (String) throws -> String = { $0 }, _ test: (NodeCluster) async throws -> Void
  ) async throws {
    try await TestDatabase.withFolder { folder in
      let own = try place ?? TestCluster.get().makePlace()
      let cluster = NodeCluster(in: folder, on: own, settings(try nodesURL(own)).merging(environment) { $1 })
      do {
        try await cluster.start(launchers)
        try await test(cluster)
      } catch {
        await cluster.end()
        throw error
      }
      await cluster.end()
      if place == nil { try TestCluster.get().drop(own) }
    }
  }

  /// What a node of such a cluster is told.
  static func settings(_ url: String) -> [String: String] {
    ["PARLEY_DATABASE_URL": url, "PARLEY_SECRET_KEY": key, "PARLEY_ACCOUNT_SID": sid, "PARLEY_AUTH_TOKEN": token]
  }

  private init(in folder: URL, on place: String, _ environment: [String: String]) {
    (self.folder, self.place, self.environment) = (folder, place, environment)
  }

  var nodes: [ServerProcess] { running.withLock { $0 } }

  /// The node of that number, counted round.
  func node(_ number: Int) -> ServerProcess { running.withLock { $0[number % $0.count] } }

  /// Puts a fresh process into the place of one that ended.
  func replace(_ number: Int) async throws {
    let node = try await ServerProcess.start(in: folder, environment)
    running.withLock { $0[number % $0.count] = node }
  }

  /// All at once, as it would be after a power cut.
  private func start(_ launchers: [[String]]) async throws {
    let started = try await withThrowingTaskGroup(of: (Int, ServerProcess).self) { [folder, environment] group in
      for (number, launcher) in launchers.enumerated() {
        group.addTask { (number, try await ServerProcess.start(in: folder, environment, launcher: launcher)) }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    running.withLock { $0 = started.sorted { $0.0 < $1.0 }.map(\.1) }
  }

  private func end() async {
    for node in nodes { await node.kill() }
  }

  /// What a query gives, straight from the database.
  func rows(_ query: String, columns: Int32 = 1) throws -> [[String]] { try Self.rows(query, columns: columns, on: place) }

  static func rows(_ query: String, columns: Int32 = 1, on place: String) throws -> [[String]] {
    guard let url = PostgresURL(place) else { throw StartFailure("\(place) is no URL") }
    var rows: [[String]] = []
    let connection = try PostgresConnection(url, connectSeconds: 10)
    try connection.rows(SQL(stringLiteral: query)) { row in rows.append((0..<columns).map { row.text($0) }) }
    return rows
  }

  /// A query's one number.
  func count(_ query: String) throws -> Int { try rows("SELECT count(*) FROM \(query)").first?.first.flatMap { Int($0) } ?? -1 }

  /// All that the nodes wrote, to people and to their logs.
  var output: String { nodes.map { $0.announcement + $0.child.errors }.joined() }
}

extension ServerProcess {
  /// Whether a load balancer would send requests here.
  func isReady() async throws -> Bool { try await send("GET", "/ready").status == 200 }
}

/// A user of the tests' database who needs a password.
enum Guarded {
  static let user = "guarded"
  static let password = "open-sesame-4711"

  /// The database for that user, at another port if one is given.
  static func url(_ place: String, password: String = Guarded.password, port: Int? = nil) throws -> String {
    try made.get()
    guard var parts = URLComponents(string: place) else { throw WireFailure("\(place) is no URL") }
    (parts.user, parts.password) = (user, password)
    if let port { parts.port = port }
    guard let url = parts.string else { throw WireFailure("\(place) is no URL") }
    return url
  }

  /// A server that trusts everybody else may ask for a password only where its own file of rules says so.
  private static let made = Result {
    let place = try TestCluster.get().makePlace()
    try TestCluster.execute(
      """
      CREATE ROLE \(user) SUPERUSER LOGIN PASSWORD '\(password)';
      DO $$ BEGIN
        EXECUTE format('COPY (SELECT unnest(ARRAY[''local all all trust'', ''host all \(user) all scram-sha-256'', \
      ''host all all 127.0.0.1/32 trust'', ''host all all ::1/128 trust''])) TO %L', current_setting('hba_file'));
      END $$;
      SELECT pg_reload_conf()
      """, on: place)
    try TestCluster.get().drop(place)
  }
}

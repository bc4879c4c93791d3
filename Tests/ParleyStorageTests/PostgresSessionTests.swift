import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// What is set in the sessions, which servers are refused, and whose clock counts.
@Suite("PostgreSQL sessions", .timeLimit(.minutes(10)))
struct PostgresSessionTests {
  private static let settings = [
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "default_transaction_read_only", "synchronous_commit",
    "application_name", "client_encoding",
  ]

  // MARK: - Settings

  @Test("Nothing in a session of the pool waits for ever, nothing is written by chance, and a commit is on the disk")
  func poolSessions() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(place.plainURL)
      let found = try await database.ask { connection in try Self.settings.map { try connection.setting($0) } }
      #expect(found == ["10000", "5000", "30000", "on", "on", "parley", "UTF8"])
    }
  }

  @Test("What the URL sets of it counts only where it is the operator's to say")
  func settingsOfURL() async throws {
    try await PostgresPlace.with { place async throws in
      let url = place.url(
        setting: "statement_timeout=5001", "lock_timeout=5002", "idle_in_transaction_session_timeout=5003",
        "default_transaction_read_only=off",
        "synchronous_commit=off", "client_encoding=LATIN1", "work_mem=5MB")
      let database = try place.open(url)
      let names = Self.settings + ["work_mem"]
      let found = try await database.ask { connection in try names.map { try connection.setting($0) } }
      #expect(found == ["10000", "5000", "30000", "on", "on", place.name, "UTF8", "5120"])
    }
  }

  @Test("A commit is never acknowledged before it is on the disk; how many servers' disks is the operator's to say")
  func synchronousCommit() async throws {
    try await PostgresPlace.with { place async throws in
      for (asked, expected) in [
        ("off", "on"), ("on", "on"), ("local", "local"), ("remote_write", "remote_write"), ("remote_apply", "remote_apply"),
      ] {
        let database = try place.open(place.url(setting: "synchronous_commit=\(asked)"), connections: 1)
        #expect(try await database.ask { try $0.setting("synchronous_commit") } == expected)
        // For the writes, too.
        #expect(try await database.change { try $0.setting("synchronous_commit") } == expected)
      }
    }
  }

  @Test("The limits are those that the pool is opened with")
  func limits() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(
        timeouts: .with { timeouts in
          (timeouts.statementMilliseconds, timeouts.lockMilliseconds, timeouts.idleInTransactionMilliseconds) = (7001, 7002, 7003)
        })
      let found = try await database.ask { connection in try Self.settings.prefix(3).map { try connection.setting($0) } }
      #expect(found == ["7001", "7002", "7003"])
    }
  }

  @Test("The session that migrates waits as long as it takes, whatever the URL sets")
  func migrationSession() async throws {
    try await PostgresPlace.with { place async throws in
      for url in [place.url, place.url(setting: "statement_timeout=7001", "lock_timeout=7002", "default_transaction_read_only=on")] {
        let connection = try PostgresConnection(forCommands: try #require(PostgresURL(url)))
        #expect(try Self.settings.prefix(5).map { try connection.setting($0) } == ["0", "0", "0", "off", "on"])
      }
    }
  }

  // MARK: - Servers that are refused

  @Test(
    "A server that can't be relied on is refused with a sentence that names the database",
    arguments: [
      ("pg_is_in_recovery() RETURNS BOOLEAN LANGUAGE SQL AS 'SELECT true'", "standby"),
      ("pg_backend_pid() RETURNS INTEGER LANGUAGE SQL AS 'SELECT 1'", "pooler"),
      (Self.version("130022"), "older than PostgreSQL 14"),
      (Self.version("139999"), "older than PostgreSQL 14"),
    ])
  func refusedServers(function: String, reason: String) async throws {
    try await PostgresPlace.with { place async throws in
      // The answers of such a server, from one that is none.
      try place.execute("CREATE FUNCTION \(place.name).\(function)")
      for role in [DatabaseRole.server, .command] {
        let refusal = #expect(throws: StartFailure.self) { try place.open(place.hidingURL, as: role) }
        #expect(refusal?.description.contains(reason) == true, "\(String(describing: refusal))")
        #expect(refusal?.description.contains("postgres://parley@127.0.0.1:") == true)
      }
      #expect(try place.texts("SELECT to_regclass('parley_schema')") == [""])
    }
  }

  @Test("PostgreSQL 14 is new enough")
  func oldestServer() async throws {
    try await PostgresPlace.with { place async throws in
      try place.execute("CREATE FUNCTION \(place.name).\(Self.version("140000"))")
      #expect(try await place.open(place.hidingURL).readSystem { tx in try tx.schemaNumber() } == Migration.newest)
    }
  }

  @Test("A server that turns into a standby is unavailable until it is a primary again")
  func laterStandby() async throws {
    try await PostgresPlace.with { place async throws in
      let database = try place.open(place.hidingURL, connections: 1)
      try place.execute("CREATE FUNCTION \(place.name).pg_is_in_recovery() RETURNS BOOLEAN LANGUAGE SQL AS 'SELECT true'")
      for _ in 0..<2 {
        let error = await failure { _ = try await database.process() }
        #expect(error.map(isUnavailable) == true)
      }
      try place.execute("DROP FUNCTION \(place.name).pg_is_in_recovery()")
      _ = try await database.process()
      #expect(database.metrics.connectionsFailed == 2)
    }
  }

  @Test("A database of another encoding than UTF8 is refused by name")
  func otherEncoding() async throws {
    try await PostgresPlace.with { place async throws in
      let name = "\(place.name)_ascii"
      try place.execute("CREATE DATABASE \(name) ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
      let url = "postgres://parley@127.0.0.1:\(try TestCluster.get().port)/\(name)"
      let refusal = #expect(throws: StartFailure.self) { try place.open(url) }
      #expect(refusal?.description.contains("\(url) ") == true)
      #expect(refusal?.description.contains("SQL_ASCII") == true)
      try place.execute("DROP DATABASE \(name) (FORCE)")
    }
  }

  @Test("Nobody there, no such database and no such role are each a sentence that names the database")
  func nobodyThere() async throws {
    try await PostgresPlace.with { place async throws in
      let port = try TestCluster.get().port
      for (url, reason) in [
        ("postgres://parley@127.0.0.1:\(port)/\(place.name)", "does not exist"), (place.url(as: "nobody_\(place.name)"), "does not exist"),
        ("postgres:///parley?host=/nowhere&port=\(port)", "/nowhere"),
      ] {
        let refusal = #expect(throws: StartFailure.self) { try place.open(url) }
        #expect(refusal?.description.contains(reason) == true, "\(String(describing: refusal))")
        let shown = try #require(PostgresURL(url)).place
        #expect(refusal?.description.contains("\(shown) can't be used: ") == true)
      }
    }
  }

  private static func version(_ number: String) -> String {
    """
    current_setting(TEXT) RETURNS TEXT LANGUAGE SQL AS
      $$ SELECT CASE $1 WHEN 'server_version_num' THEN '\(number)' ELSE pg_catalog.current_setting($1) END $$
    """
  }

  // MARK: - The clock

  @Test("Now is what the server's clock says, within the time that asking it took")
  func serverClock() async throws {
    try await PostgresPlace.with { place async throws in
      let connection = try place.connect()
      let clock = PostgresClock()
      let start = ContinuousClock.now
      try clock.measure(on: connection)
      let milliseconds = Int64(start.duration(to: .now).microseconds / 1000) + 1
      let read: () throws -> Int64 = { try place.number("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint") ?? 0 }
      let before = try read()
      let now = clock.now().milliseconds
      let after = try read()
      #expect((before - milliseconds...after + milliseconds).contains(now))
    }
  }

  @Test("The machine's own time of day is not asked: a server in another year sets the time, and it goes on from there")
  func otherYear() async throws {
    try await PostgresPlace.with { place async throws in
      try place.setClock(year: 2001)
      let start = ContinuousClock.now
      let database = try place.open(place.hidingURL)
      let first = database.now()
      _ = try await database.process()
      let second = database.now()
      let milliseconds = Int64(start.duration(to: .now).microseconds / 1000) + 1
      // Its hands stand still, so each measure begins anew.
      for now in [first, second] { #expect((0...milliseconds).contains(now.milliseconds - PostgresPlace.milliseconds(ofYear: 2001))) }
    }
  }

  @Test("A measure that took too long says little: it counts only where there is no other")
  func slowMeasure() async throws {
    try await PostgresPlace.with { place async throws in
      let connection = try place.connect(place.hidingURL)
      func year(_ clock: PostgresClock) -> Int64 {
        (clock.now().milliseconds - PostgresPlace.milliseconds(ofYear: 2001)) / (365 * 86_400_000) + 2001
      }
      let (known, unknown) = (PostgresClock(), PostgresClock())
      try place.setClock(year: 2001)
      try known.measure(on: connection)
      try place.setClock(year: 2002, seconds: 0.3)
      try known.measure(on: connection)
      try unknown.measure(on: connection)
      #expect(year(known) == 2001)
      #expect(year(unknown) == 2002)
      try place.setClock(year: 2003)
      // On a machine that is busy any measure may take long.
      for _ in 0..<100 where year(known) == 2001 { try known.measure(on: connection) }
      #expect(year(known) == 2003)
    }
  }

  @Test("Before anybody has asked the server, it is no time at all")
  func unmeasured() {
    #expect(PostgresClock().now().milliseconds == 0)
  }
}

extension PostgresPlace {
  /// Has the server's clock stand still at the start of a year, and take so long to say so.
  fileprivate func setClock(year: Int, seconds: Double = 0) throws {
    try execute(
      """
      CREATE OR REPLACE FUNCTION \(name).clock_timestamp() RETURNS TIMESTAMPTZ LANGUAGE PLPGSQL VOLATILE AS $$
        BEGIN PERFORM pg_sleep(\(seconds)); RETURN '\(year)-01-01T00:00:00Z'; END $$
      """)
  }

  /// Of years after 2000 and before the next leap year.
  fileprivate static func milliseconds(ofYear year: Int64) -> Int64 { 978_307_200_000 + (year - 2001) * 365 * 86_400_000 }
}

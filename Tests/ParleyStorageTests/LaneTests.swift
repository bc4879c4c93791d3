import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyStorage

/// Lanes: who may have one, for how long, and how surely it is written.
@Suite struct LaneTests {
  private static let now = TestClock.start
  private static let lane = Lane(account: nil, id: "a", host: "h:1", urlHash: "")

  @Test("A leased lane is nobody else's until the lease ends; who lost it can't renew it", arguments: TestDatabase.kinds)
  func lease(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let now = Self.now
      try await database.writeSystem { try $0.addUnlessThere(Job(key: "1", work: [123, 125]), to: Self.lane, at: now) }
      let claim: @Sendable (String, Timestamp) async throws -> [LeasedLane] = { lease, now in
        try await database.writeRelaxed { try $0.claim(host: "h:1", upTo: 5, lease: lease, until: now.adding(.seconds(20)), at: now) }
      }
      let first = try await claim("one", now)
      #expect(first.map(\.lane.id) == ["a"])
      let early = try await claim("two", now.adding(.milliseconds(19999)))
      #expect(early.isEmpty)
      let second = try await claim("two", now.adding(.seconds(20)))
      #expect(second.count == 1)
      await #expect(throws: LostLease.self) {
        try await database.writeRelaxed { try $0.renew(first[0], until: now.adding(.seconds(60)), at: now) }
      }
      try await database.writeRelaxed { tx in
        try tx.renew(second[0], until: now.adding(.seconds(60)), at: now)
        try tx.release(second[0], due: now.adding(.seconds(30)), at: now)
      }
      let due = try await database.readSystem { try $0.dueTimes().map(\.due) }
      #expect(due == [now.adding(.seconds(30))])
    }
  }

  @Test("Jobs stay in their order, and each host is told with its earliest lane", arguments: TestDatabase.kinds)
  func order(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let now = Self.now
      try await database.writeSystem { tx in
        for key in ["z", "a", "m", "a"] { try tx.addUnlessThere(Job(key: key, work: [123, 125]), to: Self.lane, at: now) }
        let later = Lane(account: nil, id: "b", host: "h:1", urlHash: "")
        try tx.addUnlessThere(Job(key: "1", work: [123, 125]), to: later, at: now.adding(.seconds(5)))
        let other = Lane(account: nil, id: "c", host: "i:1", urlHash: "")
        try tx.addUnlessThere(Job(key: "1", work: [123, 125]), to: other, at: now.adding(.seconds(7)))
      }
      let times = try await database.readSystem { try $0.dueTimes() }
      #expect(times.map(\.host) == ["h:1", "i:1"])
      #expect(times.map(\.due) == [now, now.adding(.seconds(7))])
      let keys = try await database.writeRelaxed { tx in
        let leased = try tx.claim(host: "h:1", upTo: 1, lease: "one", until: now.adding(.seconds(20)), at: now)
        return try leased.map { try tx.heads(of: $0, limit: 10).map(\.key) }
      }
      #expect(keys == [["z", "a", "m"]])
    }
  }

  @Test("A lane that is made leased is its maker's until the lease ends; one that was there stays as it is", arguments: TestDatabase.kinds)
  func madeLeased(kind: TestDatabase.Kind) async throws {
    try await TestDatabase.with(kind) { database in
      let samples = Samples()
      let account = try await samples.account(in: database)
      let now = Self.now
      let lane = Lane(account: account, id: "a", host: "h:1", urlHash: "")
      let taken = ["one", "two"].map { LeasedLane(lane: lane, lease: $0, until: now.adding(.seconds(20))) }
      for leased in taken {
        try await database.write(for: account) { try $0.add([Job(key: leased.lease, work: [123, 125])], to: leased, at: now) }
      }
      let heads = try await database.readSystem { tx in try taken.map { try tx.heads(of: $0, limit: 10).map(\.key) } }
      #expect(heads == [["one", "two"], []])
      await #expect(throws: LostLease.self) { try await database.writeRelaxed { try $0.hold(taken[1]) } }
      try await database.writeRelaxed { try $0.hold(taken[0]) }
      let due = try await database.readSystem { tx in (try tx.nextDue(host: "h:1"), try tx.nextDue(host: "other:1")) }
      #expect(due == (now.adding(.seconds(20)), nil))
    }
  }

  @Test("Lanes that are due, and suspects, are found through an index of their own")
  func plans() async throws {
    try await TestDatabase.with { database in
      let plan: @Sendable (SQL) async throws -> String = { sql in
        try await database.readSystem { tx in
          try tx.connection.all(SQL(text: "EXPLAIN QUERY PLAN " + sql.text, values: sql.values)) { $0.text(3) }.joined(separator: "; ")
        }
      }
      let due = try await plan("SELECT id FROM lane WHERE host = \("h:1") AND paused = 0 AND due_at <= \(Self.now) ORDER BY due_at LIMIT 5")
      #expect(due.contains("lane_due") && !due.contains("TEMP B-TREE"), "\(due)")
      let suspects = try await plan("SELECT id FROM lane WHERE paused = 2 AND due_at <= \(Self.now) ORDER BY due_at LIMIT 1")
      #expect(suspects.contains("lane_suspect") && !suspects.contains("TEMP B-TREE"), "\(suspects)")
    }
  }

  @Test("SQLite waits for the disk in a durable write, and not in a relaxed one")
  func relaxedSQLite() async throws {
    try await TestDatabase.with { database in
      let ask: @Sendable (SystemTransaction) throws -> Int64? = { try $0.connection.one("PRAGMA synchronous") { $0.integer(0) } }
      for _ in 0..<2 {
        let durable = try await database.writeSystem(ask)
        let relaxed = try await database.writeRelaxed(ask)
        #expect((durable, relaxed) == (2, 1))
      }
    }
  }

  @Test("PostgreSQL waits for the disk in a durable write, and not in a relaxed one")
  func relaxedPostgres() async throws {
    try await TestDatabase.with(.postgres) { database in
      let ask: @Sendable (SystemTransaction) throws -> String? = {
        try $0.connection.one("SELECT current_setting('synchronous_commit')") { $0.text(0) }
      }
      for _ in 0..<2 {
        let durable = try await database.writeSystem(ask)
        let relaxed = try await database.writeRelaxed(ask)
        #expect(durable != "off" && relaxed == "off")
      }
    }
  }
}

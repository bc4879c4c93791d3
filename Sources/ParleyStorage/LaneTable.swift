import ParleyDomain

/// A queue in which one job is done at a time, in order: by whose it is and where it leads.
///
/// `lane.paused` says why a lane is not claimed like others: 1 while its URL is paused, 2 while its first job is a suspect (B-HOOK-42), 3 for
/// both. `lane.set_at` is the time at which `due_at` was written.
package struct Lane: Sendable, Hashable {
  /// Nil for the installation's own work.
  package let account: Account.ID?
  package let id: String
  /// Host and port that its jobs call, which bounds how many are done at a time; empty for work that calls nobody.
  package let host: String
  /// Digest of the callback URL; empty for inner work.
  package let urlHash: String

  package init(account: Account.ID?, id: String, host: String, urlHash: String) {
    (self.account, self.id, self.host, self.urlHash) = (account, id, host, urlHash)
  }

  /// As it is written in the tables.
  var owner: String { account?.text ?? "" }
}

/// A lane that a worker has for itself until the lease ends.
package struct LeasedLane: Sendable {
  package let lane: Lane
  /// What the claimer wrote into the lane; who finds another text there has lost it.
  package let lease: String
  /// When the lane is due again by itself.
  package var until: Timestamp
  /// When the lease began, by a clock that nobody sets: how long it lasts is measured by that.
  package var since = ContinuousClock.now
  /// Whether the lane was leased as one whose first job is a suspect.
  package var isSuspect = false
  /// Whether the process that had the lane before ended while it had it.
  package var isTakenOver = false

  package init(lane: Lane, lease: String, until: Timestamp) { (self.lane, self.lease, self.until) = (lane, lease, until) }

  /// Names the loop that took the lease.
  static func owner(of lease: String) -> Substring { lease.prefix { $0 != "/" } }
}

/// Work to do, as it waits in its lane.
package struct Job: Sendable {
  /// Tells it from the others of its lane.
  package let key: String
  /// JSON text, which the engine reads.
  package let work: [UInt8]
  /// How often it was put off.
  package let attempts: Int64
  /// How many processes ended while it was under way.
  package let ends: Int64
  /// At how many of these ends it was the only suspect under way.
  package let endsAlone: Int64
  /// Its place in the lane; 0 before it has one.
  let position: Int64

  package init(key: String, work: [UInt8], attempts: Int64 = 0) {
    (self.key, self.work, self.attempts, ends, endsAlone, position) = (key, work, attempts, 0, 0, 0)
  }

  fileprivate init(_ row: any Row) {
    (key, work, attempts) = (row.text(0), row.bytes(1), row.integer(2))
    (position, ends, endsAlone) = (row.integer(3), row.integer(4), row.integer(5))
  }
}

/// The lease ended and somebody else may have the lane: what was to be noted is not.
package struct LostLease: Error {
  package init() {}
}

extension Transaction {
  /// Puts jobs at the end of a lane of this account, which is due at once if it was not there. A write that adds to several takes them in the
  /// order of their ids, so that two never wait for each other.
  package func add(_ jobs: [Job], to lane: Lane, at now: Timestamp) throws {
    try connection.add(jobs, to: lane, at: now)
  }

  /// The same for a lane that, if it was not there, is leased from the start.
  package func add(_ jobs: [Job], to leased: LeasedLane, at now: Timestamp) throws {
    try connection.add(jobs, to: leased.lane, lease: leased.lease, due: leased.until, at: now)
  }
}

extension SystemTransaction {
  /// The same for the installation's own work, unless a job with its key is there.
  package func addUnlessThere(_ job: Job, to lane: Lane, at now: Timestamp) throws {
    let account = lane.owner
    let isThere = try connection.one(
      "SELECT 1 FROM job WHERE account_id = \(account) AND lane_id = \(lane.id) AND key = \(job.key)"
    ) { _ in true }
    if isThere ?? false { return }
    try connection.add([job], to: lane, at: now)
  }

  /// The first jobs of a leased lane, in their order; none when another has it.
  package func heads(of leased: LeasedLane, limit: Int) throws -> [Job] {
    let (account, id) = (leased.lane.owner, leased.lane.id)
    return try connection.all(
      """
      SELECT key, work, attempts, position, ends, ends_alone FROM job WHERE account_id = \(account) AND lane_id = \(id)
        AND EXISTS (SELECT 1 FROM lane WHERE account_id = \(account) AND id = \(id) AND lease = \(leased.lease))
      ORDER BY position LIMIT \(Int64(limit))
      """
    ) { Job($0) }
  }

  /// Holds a leased lane until the transaction ends. Throws `LostLease` if another has it.
  package func hold(_ leased: LeasedLane) throws {
    let account = leased.lane.owner
    var isOurs = false
    try connection.lockedRows("SELECT lease FROM lane WHERE account_id = \(account) AND id = \(leased.lane.id)") { row in
      isOurs = row.text(0) == leased.lease
    }
    guard isOurs else { throw LostLease() }
  }

  /// The same, and renews its lease.
  package func renew(_ leased: LeasedLane, until: Timestamp, at now: Timestamp) throws {
    let account = leased.lane.owner
    let held = try connection.run(
      """
      UPDATE lane SET due_at = \(until), set_at = \(now) WHERE account_id = \(account) AND id = \(leased.lane.id) AND lease = \(leased.lease)
      """)
    guard held == 1 else { throw LostLease() }
  }

  /// Takes a job that is done out of a held lane. A statement of its own, behind the one that holds the lane: on PostgreSQL only it sees what
  /// was added while that one waited.
  package func remove(_ job: Job, from lane: Lane) throws {
    let account = lane.owner
    // By its key as well: one that was given up meanwhile has left its place to another.
    try connection.send(
      "DELETE FROM job WHERE account_id = \(account) AND lane_id = \(lane.id) AND position = \(job.position) AND key = \(job.key)")
  }

  /// Counts that a job of a held lane is put off; once, however often it is noted.
  package func putOff(_ job: Job, in lane: Lane) throws {
    let account = lane.owner
    try connection.send(
      """
      UPDATE job SET attempts = \(job.attempts + 1)
      WHERE account_id = \(account) AND lane_id = \(lane.id) AND position = \(job.position) AND key = \(job.key)
      """)
  }

  /// Gives a held lane up: it is due at `due`, unless its URL is paused. Pauses are read while the lane is held, because a resume changes the
  /// lanes of its URL. `isSuspect` says whether the first job is a suspect.
  package func release(_ leased: LeasedLane, due: Timestamp, isSuspect: Bool = false, at now: Timestamp) throws {
    let (account, hash) = (leased.lane.owner, leased.lane.urlHash)
    try connection.send(
      """
      UPDATE lane SET lease = '', due_at = \(due), set_at = \(now), paused = \(sql: isSuspect ? "2" : "0") + CASE WHEN EXISTS (
        SELECT 1 FROM webhook_pause WHERE account_id = \(account) AND url_hash IN (\(hash), \(Pause.allURLs))) THEN 1 ELSE 0 END
      WHERE account_id = \(account) AND id = \(leased.lane.id)
      """)
  }

  /// Ends a held lane that has no jobs.
  package func end(_ lane: Lane) throws {
    let account = lane.owner
    try connection.send("DELETE FROM lane WHERE account_id = \(account) AND id = \(lane.id)")
  }
}

extension Connection {
  /// A lane that is made is due at `due`, now where no time is given.
  fileprivate func add(_ jobs: [Job], to lane: Lane, lease: String = "", due: Timestamp? = nil, at now: Timestamp) throws {
    let account = lane.owner
    // What is there keeps its time and its lease, and is held until the transaction ends, so that nobody ends it meanwhile.
    try send(
      """
      INSERT INTO lane (account_id, id, host, url_hash, due_at, set_at, lease, paused)
      VALUES (\(account), \(lane.id), \(lane.host), \(lane.urlHash), \(due ?? now), \(now), \(lease), CASE WHEN EXISTS (
        SELECT 1 FROM webhook_pause WHERE account_id = \(account) AND url_hash IN (\(lane.urlHash), \(Pause.allURLs))) THEN 1 ELSE 0 END)
      ON CONFLICT (account_id, id) DO UPDATE SET host = excluded.host
      """)
    for job in jobs {
      try send(
        """
        INSERT INTO job (account_id, lane_id, position, key, work, attempts)
        VALUES (\(account), \(lane.id),
          (SELECT COALESCE(MAX(position), 0) + 1 FROM job WHERE account_id = \(account) AND lane_id = \(lane.id)), \(job.key), \(job.work),
          \(job.attempts))
        """)
    }
  }
}

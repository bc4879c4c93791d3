import ParleyDomain

/// A queue in which one job is done at a time, in order: by whose it is and where it leads.
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

  package init(lane: Lane, lease: String, until: Timestamp) { (self.lane, self.lease, self.until) = (lane, lease, until) }
}

/// Work to do, as it waits in its lane.
package struct Job: Sendable {
  /// Tells it from the others of its lane.
  package let key: String
  /// JSON text, which the engine reads.
  package let work: [UInt8]
  /// How often it was put off.
  package let attempts: Int64
  /// Its place in the lane; 0 before it has one.
  let position: Int64

  package init(key: String, work: [UInt8], attempts: Int64 = 0) { self.init(key: key, work: work, attempts: attempts, position: 0) }

  fileprivate init(key: String, work: [UInt8], attempts: Int64, position: Int64) {
    (self.key, self.work, self.attempts, self.position) = (key, work, attempts, position)
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
  package func add(_ jobs: [Job], to leased: LeasedLane) throws {
    try connection.add(jobs, to: leased.lane, lease: leased.lease, at: leased.until)
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
      SELECT key, work, attempts, position FROM job WHERE account_id = \(account) AND lane_id = \(id)
        AND EXISTS (SELECT 1 FROM lane WHERE account_id = \(account) AND id = \(id) AND lease = \(leased.lease))
      ORDER BY position LIMIT \(Int64(limit))
      """
    ) { Job(key: $0.text(0), work: $0.bytes(1), attempts: $0.integer(2), position: $0.integer(3)) }
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
  package func renew(_ leased: LeasedLane, until: Timestamp) throws {
    let account = leased.lane.owner
    let held = try connection.run(
      """
      UPDATE lane SET due_at = \(until) WHERE account_id = \(account) AND id = \(leased.lane.id) AND lease = \(leased.lease)
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

  /// Gives a held lane up: it is due at `due`, unless its URL is paused. Whether it is, is looked up while the lane is held, because who
  /// resumes the URL changes its lanes.
  package func release(_ leased: LeasedLane, due: Timestamp) throws {
    let (account, hash) = (leased.lane.owner, leased.lane.urlHash)
    try connection.send(
      """
      UPDATE lane SET lease = '', due_at = \(due),
        paused = (SELECT COUNT(*) FROM webhook_pause WHERE account_id = \(account) AND url_hash = \(hash))
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
  /// A lane that is made is due at `due`.
  fileprivate func add(_ jobs: [Job], to lane: Lane, lease: String = "", at due: Timestamp) throws {
    let account = lane.owner
    // What is there keeps its time and its lease, and is held until the transaction ends, so that nobody ends it meanwhile.
    try send(
      """
      INSERT INTO lane (account_id, id, host, url_hash, due_at, lease, paused)
      VALUES (\(account), \(lane.id), \(lane.host), \(lane.urlHash), \(due), \(lease),
        (SELECT COUNT(*) FROM webhook_pause WHERE account_id = \(account) AND url_hash = \(lane.urlHash)))
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

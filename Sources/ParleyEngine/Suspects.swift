import Logging
import ParleyDomain
import ParleyStorage

/// Events that may be what ends processes (B-HOOK-42).
///
/// A claim that finds a lane with another loop's lease counts an end against the lane's first job. That job was under way when the process
/// ended, unless it was already sent and only not noted. Therefore a lane that was taken over is noted job by job for a while.
///
/// After three ends the job is a suspect, and its lane is set apart. Each loop sends one suspect at a time. Suspects of other loops are in
/// other processes and can't have ended this one, so a suspect with a dead lease was the only one under way.
extension Job {
  /// Ends after which it is a suspect, and ends as the only suspect under way after which it is set aside.
  static let (endsMax, endsAloneMax): (Int64, Int64) = (3, 3)

  var isSuspect: Bool { ends >= Self.endsMax }
  fileprivate var isToBeSetAside: Bool { isSuspect && endsAlone >= Self.endsAloneMax }
}

extension JobLoop {
  /// What is to be done with a lane instead of running its first job; nil where that may be run.
  func verdict(on job: Job, in leased: LeasedLane) -> Ran? {
    if job.isToBeSetAside, case .deliver(let id) = Work(document: job.work), let account = leased.lane.account {
      return Ran(done: [(job, setAside(id, of: account))], handsBack: leased.isSuspect)
    }
    guard job.isSuspect != leased.isSuspect else { return nil }
    if job.isSuspect {
      logger.warning(
        "an event was under way at \(job.ends) ends of a process: it is sent apart from others",
        metadata: ["account": "\(leased.lane.account?.text ?? "")", "delivery": "\(job.key)"])
    }
    return Ran()
  }

  private func setAside(_ id: Delivery.ID, of account: Account.ID) -> JobResult {
    let now = engine.now()
    engine.webhooks.addSetAside()
    logger.warning(
      "an event was set aside: processes ended again and again while it was being sent",
      metadata: ["account": "\(account.text)", "delivery": "\(id.text)"])
    return JobResult(.done) { tx in try tx.transaction(for: account).setAside(id, at: now) }
  }

  /// How many jobs of a lane are read and noted at once, after `jobs` of this turn. It is one where the next job may be what ends processes:
  /// then the first job that is not noted is the one under way.
  func jobsAhead(in leased: LeasedLane, after jobs: Int) -> Int {
    leased.isSuspect || (leased.isTakenOver && jobs < settings.jobsAhead) ? 1 : settings.jobsAhead
  }

  /// This process lives, although another loop took its lane over and counted an end.
  func takeBackEnd(of job: Job?, in leased: LeasedLane) async {
    guard let job else { return }
    // Where the database is away the count stays, one too high.
    try? await engine.database.writeRelaxed { try $0.takeBackEnd(of: job, in: leased) }
  }
}

extension LeasedLane {
  /// Under which its place is counted.
  var host: String { isSuspect ? Lane.suspects : lane.host }
}

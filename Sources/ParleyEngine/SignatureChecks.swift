import Foundation
import ParleyDomain
import ParleyStorage

extension Engine {
  package var signatureChecks: SignatureChecks { SignatureChecks(engine: self) }
}

/// Checks of the signatures of webhooks, as their receivers saw them.
package struct SignatureChecks: Sendable {
  /// Deliveries in which URLs are looked for that a webhook may have gone to.
  private static let deliveriesLookedAt = 1000
  /// One check at a time, beside the threads that answer requests: the search for what differs computes many signatures.
  private static let checking = {
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    return queue
  }()
  /// Checks that may wait for their turn.
  private static let waitingMax = 16

  let engine: Engine

  /// Checks a signature by the account's auth token. Nothing of it is kept.
  package func create(_ body: Body, for account: Account.ID) async throws -> SignatureDoctor.Diagnosis {
    let draft = try body.draft(SignatureCheckDraft.init).get()
    let token = try await engine.accounts.token(of: account)
    let known = try await engine.database.read(for: account, .statement) { tx in
      try tx.recentURLs(ofDeliveries: Self.deliveriesLookedAt, limit: SignatureDoctor.knownURLsMax)
    }
    guard Self.checking.operationCount < Self.waitingMax else { throw ParleyError.unavailable(cause: "many signatures are being checked") }
    return await withCheckedContinuation { continuation in
      Self.checking.addOperation {
        continuation.resume(
          returning: SignatureDoctor.diagnose(
            url: draft.url, method: draft.method.rawValue, headers: draft.headers, body: Array(draft.body.utf8), token: token,
            knownURLs: known))
      }
    }
  }
}

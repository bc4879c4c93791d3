import Crypto
import Foundation
import HTTPTypes
import ParleyDomain
import ParleyEngine
import Synchronization

/// Who is signed in, and what the server keeps of that account while it runs.
final class SignedIn: Sendable {
  let account: Account.ID
  /// Requests in progress (B-HDR-1).
  let requests = Atomic<Int>(0)
  let bucket: TokenBucket

  init(account: Account.ID, rateLimit: Int) {
    self.account = account
    bucket = TokenBucket(perSecond: rateLimit)
  }
}

/// HTTP Basic authentication. Sign-ins are remembered for a few seconds, so that a request costs no look into the database; after that a
/// revoked key or replaced token is found out.
final class Authentication: Sendable {
  /// How long a sign-in counts without another look.
  static let remembered = Duration.seconds(5)
  /// Sign-ins remembered; beyond, all are forgotten and looked up anew.
  static let signInsMax = 10_000

  /// Who calls, and what they signed in with.
  struct Caller {
    let signedIn: SignedIn
    let credential: Credential
  }

  private struct Entry {
    let caller: Caller
    let until: ContinuousClock.Instant
  }

  private struct State {
    /// By digest of the header, so that no secret stays in memory.
    var entries: [SHA256Digest: Entry] = [:]
    /// One for each account that ever signed in, so that its counts outlive the entries.
    var accounts: [Account.ID: SignedIn] = [:]
  }

  private let accounts: Accounts
  private let rateLimit: Int
  private let clock: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  init(accounts: Accounts, rateLimit: Int, clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
    self.accounts = accounts
    self.rateLimit = rateLimit
    self.clock = clock
  }

  /// Who calls, by the header. Throws `Refusal.notSignedIn` if it signs in to no account, and never because the database is away (503).
  func identify(_ header: String?) async throws -> Caller {
    guard let header else { throw Refusal.notSignedIn }
    let digest = SHA256.hash(data: Array(header.utf8))
    let now = clock()
    let entry = state.withLock { $0.entries[digest] }
    if let entry, entry.until > now { return entry.caller }
    guard let (user, password) = Self.credentials(header),
      let (account, credential) = try await accounts.identify(user: user, password: password)
    else {
      state.withLock { $0.entries[digest] = nil }
      throw Refusal.notSignedIn
    }
    return state.withLock { state in
      let signedIn = state.accounts[account] ?? SignedIn(account: account, rateLimit: rateLimit)
      state.accounts[account] = signedIn
      if state.entries.count >= Self.signInsMax { state.entries = [:] }
      let caller = Caller(signedIn: signedIn, credential: credential)
      state.entries[digest] = Entry(caller: caller, until: now + Self.remembered)
      return caller
    }
  }

  private static func credentials(_ header: String) -> (user: String, password: String)? {
    let parts = header.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "basic", let data = Data(base64Encoded: String(parts[1].drop { $0 == " " })),
      let text = String(data: data, encoding: .utf8)
    else { return nil }
    let login = text.parts(between: ":", max: 2)
    return login.count == 2 ? (login[0], login[1]) : nil
  }
}

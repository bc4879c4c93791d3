import Foundation
import ParleyDomain
import ParleyEngine
import ParleyTesting
import Synchronization
import Testing

@testable import ParleyAPI

@Suite("Signing in")
struct AuthenticationTests {
  /// A clock of the sign-in cache that a test moves.
  private final class Ticks: Sendable {
    private let instant = Mutex(ContinuousClock.now)

    var now: ContinuousClock.Instant { instant.withLock { $0 } }
    func advance(_ duration: Duration) { instant.withLock { $0 += duration } }
  }

  private static func isRefused(_ authentication: Authentication, _ header: String?) async throws -> Bool {
    do {
      _ = try await authentication.signIn(header)
      return false
    } catch Refusal.notSignedIn {
      return true
    }
  }

  @Test("B-AUTH-1, B-AUTH-4: an account's token and the secrets of its keys sign in to that account")
  func accepted() async throws {
    try await TestServer.with(accounts: 2) { server in
      let caller = server.callers[1]
      let (key, secret) = try await server.engine.accounts.createKey(of: caller.account, name: "CI")
      for header in [
        caller.authorization, Caller.authorization(key.id.text, secret), caller.authorization.replacing("Basic", with: "bAsIc"),
        caller.authorization.replacing("Basic ", with: "Basic   "),
      ] {
        let signedIn = try? await server.api.authentication.signIn(header)
        #expect(signedIn?.account == caller.account, "\(header)")
      }
    }
  }

  @Test("B-AUTH-2: every way to be wrong gets the same answer")
  func refused() async throws {
    try await TestServer.with(accounts: 2) { server in
      let (account, token) = (server.caller.account.text, server.caller.token)
      let accounts = server.engine.accounts
      let (key, secret) = try await accounts.createKey(of: server.caller.account, name: "CI")
      let (revoked, itsSecret) = try await accounts.createKey(of: server.caller.account, name: "old")
      try await accounts.revokeKey(revoked.id)
      let disabled = server.callers[1]
      let (keyOfDisabled, thatSecret) = try await accounts.createKey(of: disabled.account, name: "CI")
      try await accounts.disable(disabled.account)

      let text = Data("\(account):\(token)".utf8).base64EncodedString()
      let headers: [String?] = [
        nil, "", "Basic", "Basic ", "Basic !!!", "Bearer \(text)", text, "Basic \(text)x",
        "Basic \(Data([0xFF, 0x3A]).base64EncodedString())",
        "Basic \(Data(account.utf8).base64EncodedString())",
        Caller.authorization(account, ""), Caller.authorization(account, token + "0"),
        Caller.authorization(account, String(token.dropLast())),
        Caller.authorization(account, token.uppercased()), Caller.authorization("AC" + String(repeating: "0", count: 32), token),
        Caller.authorization("", token), Caller.authorization(account.lowercased(), token), Caller.authorization(token, account),
        Caller.authorization(server.callers[1].account.text, token),
        Caller.authorization(key.id.text, token), Caller.authorization(key.id.text, secret + "0"), Caller.authorization(account, secret),
        Caller.authorization("SK" + String(repeating: "0", count: 32), secret),
        Caller.authorization(revoked.id.text, itsSecret), disabled.authorization, Caller.authorization(keyOfDisabled.id.text, thatSecret),
      ]
      var answers: Set<String> = []
      for header in headers {
        let request = WireRequest("GET", "/v2/Conversations", headers: header.map { [("Authorization", $0)] } ?? [], body: nil)
        let answer = try await server.send(request, as: nil)
        #expect(answer.status == 401, "\(header ?? "none")")
        #expect(answer["WWW-Authenticate"] == #"Basic realm="Twilio API""#)
        answers.insert(Exchange("", WireRequest("", ""), answer).text)
      }
      #expect(answers.count == 1)
    }
  }

  @Test("B-AUTH-5: a sign-in is remembered for 5 s and then looked up again: what was revoked, disabled or rotated is found out")
  func forgets() async throws {
    try await TestServer.with(accounts: 2) { server in
      let accounts = server.engine.accounts
      let ticks = Ticks()
      let authentication = Authentication(accounts: accounts, rateLimit: 0) { ticks.now }
      let (key, secret) = try await accounts.createKey(of: server.caller.account, name: "CI")
      let headers = [Caller.authorization(key.id.text, secret), server.callers[0].authorization, server.callers[1].authorization]
      for header in headers { #expect(try await !Self.isRefused(authentication, header)) }

      try await accounts.revokeKey(key.id)
      _ = try await accounts.rotateToken(of: server.callers[0].account)
      try await accounts.disable(server.callers[1].account)
      ticks.advance(.seconds(5) - .nanoseconds(1))
      for header in headers { #expect(try await !Self.isRefused(authentication, header)) }
      ticks.advance(.nanoseconds(1))
      for header in headers { #expect(try await Self.isRefused(authentication, header)) }
    }
  }

  @Test("a refusal is not remembered: credentials that become right are right at once")
  func refusalsAreForgotten() async throws {
    try await TestServer.with { server in
      let ticks = Ticks()
      let authentication = Authentication(accounts: server.engine.accounts, rateLimit: 0) { ticks.now }
      let sid = Account.ID(random: Array(repeating: 9, count: 16))
      let header = Caller.authorization(sid.text, "0123456789abcdef")
      #expect(try await Self.isRefused(authentication, header))
      _ = try await server.engine.accounts.create(name: "late", sid: sid, token: "0123456789abcdef")
      #expect(try await !Self.isRefused(authentication, header))
    }
  }

  @Test("while the database is away nobody is refused: who is remembered goes on for 5 s, the others hear that it can't be said")
  func databaseAway() async throws {
    try await TestServer.with(accounts: 2) { server in
      let ticks = Ticks()
      let authentication = Authentication(accounts: server.engine.accounts, rateLimit: 0) { ticks.now }
      _ = try await authentication.signIn(server.callers[0].authorization)
      await server.loseDatabase()
      #expect(try await authentication.signIn(server.callers[0].authorization).account == server.callers[0].account)
      ticks.advance(Authentication.remembered)
      for caller in server.callers {
        await #expect(throws: ParleyError.self) { _ = try await authentication.signIn(caller.authorization) }
      }
      // What is no credential at all needs no database to be refused.
      #expect(try await Self.isRefused(authentication, "Basic !!!"))
    }
  }

  @Test("the account's count and rate outlive what is remembered, and its keys share them")
  func sharesCounts() async throws {
    try await TestServer.with(accounts: 2) { server in
      let ticks = Ticks()
      let authentication = Authentication(accounts: server.engine.accounts, rateLimit: 1) { ticks.now }
      let (key, secret) = try await server.engine.accounts.createKey(of: server.caller.account, name: "CI")
      let first = try await authentication.signIn(server.caller.authorization)
      #expect(try await authentication.signIn(Caller.authorization(key.id.text, secret)) === first)
      ticks.advance(.seconds(6))
      #expect(try await authentication.signIn(server.caller.authorization) === first)
      #expect(try await authentication.signIn(server.callers[1].authorization) !== first)
    }
  }
}

import Foundation
import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@Suite struct AccountsTests {
  @Test("B-AUTH-1, B-AUTH-2: an account signs in by its token, and by nothing else", arguments: TestDatabase.kinds)
  func signIn(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accounts = test.engine.accounts
      let (account, token) = try await accounts.create(name: "Harbor")
      #expect(account.id.text.hasPrefix("AC") && account.id.text.utf8.count == 34 && token.utf8.count == 32)
      #expect(try await accounts.identify(user: account.id.text, password: token)?.account == account.id)
      let unknown = Account.ID(random: Array(repeating: 7, count: 16))
      for (user, password) in [
        (account.id.text, ""), (account.id.text, token + "0"), (account.id.text, token.uppercased() + "A"), (test.account.text, token),
        (unknown.text, token), ("", token), (account.id.text.lowercased(), token),
      ] {
        #expect(try await accounts.identify(user: user, password: password)?.account == nil, "\(user)")
      }
    }
  }

  @Test(
    "Account and token that are given are taken as they are; an account that is there already is left alone", arguments: TestDatabase.kinds)
  func given(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accounts = test.engine.accounts
      let sid = Account.ID(random: Array(repeating: 7, count: 16))
      let made = try await accounts.create(name: "Harbor", sid: sid, token: "correct horse battery")
      #expect((made.account.id, made.token) == (sid, "correct horse battery"))
      await #expect(throws: AccountFailure.self) { try await accounts.create(name: "Other", sid: sid, token: "another-token-here") }
      #expect(try await accounts.token(of: sid) == "correct horse battery")
      #expect(try await accounts.list().map(\.name).contains("Harbor"))
      #expect(try await accounts.list().count == 2)
    }
  }

  @Test("A rotated token takes the old one's place", arguments: TestDatabase.kinds)
  func rotate(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accounts = test.engine.accounts
      let (account, old) = try await accounts.create(name: "Harbor")
      let new = try await accounts.rotateToken(of: account.id)
      #expect(new != old)
      #expect(try await accounts.token(of: account.id) == new)
      #expect(try await accounts.identify(user: account.id.text, password: old)?.account == nil)
      #expect(try await accounts.identify(user: account.id.text, password: new)?.account == account.id)
    }
  }

  @Test(
    "B-AUTH-5: a disabled account signs in no more, nor do its keys; the first time of disabling is kept", arguments: TestDatabase.kinds)
  func disable(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accounts = test.engine.accounts
      let (account, token) = try await accounts.create(name: "Harbor")
      let (key, secret) = try await accounts.createKey(of: account.id, name: "ci")
      test.clock.advance(seconds: 5)
      let disabledAt = test.clock.now
      try await accounts.disable(account.id)
      test.clock.advance(seconds: 5)
      try await accounts.disable(account.id)
      #expect(try await accounts.list().first { $0.id == account.id }?.disabledAt == disabledAt)
      #expect(try await accounts.identify(user: account.id.text, password: token)?.account == nil)
      #expect(try await accounts.identify(user: key.id.text, password: secret)?.account == nil)
    }
  }

  @Test("B-AUTH-4, B-AUTH-5: a key signs in to its own account until it is revoked, and the others go on", arguments: TestDatabase.kinds)
  func keys(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accounts = test.engine.accounts
      let (account, token) = try await accounts.create(name: "Harbor")
      let (one, oneSecret) = try await accounts.createKey(of: account.id, name: "one")
      let (two, twoSecret) = try await accounts.createKey(of: account.id, name: "two")
      #expect(one.id.text.hasPrefix("SK"))
      #expect(try await accounts.identify(user: one.id.text, password: oneSecret)?.account == account.id)
      #expect(try await accounts.identify(user: one.id.text, password: twoSecret)?.account == nil)
      #expect(try await accounts.identify(user: one.id.text, password: token)?.account == nil)
      #expect(try await accounts.identify(user: account.id.text, password: oneSecret)?.account == nil)

      try await accounts.revokeKey(one.id)
      #expect(try await accounts.identify(user: one.id.text, password: oneSecret)?.account == nil)
      #expect(try await accounts.identify(user: two.id.text, password: twoSecret)?.account == account.id)
      #expect(try await accounts.identify(user: account.id.text, password: token)?.account == account.id)
      #expect(try await accounts.keys(of: account.id).map { $0.revokedAt == nil }.sorted { !$0 && $1 } == [false, true])
      #expect(try await accounts.keys(of: test.account).isEmpty)
      #expect(try await accounts.keys(of: nil).count == 2)
    }
  }

  @Test("What is not there is said to be so, by its SID", arguments: TestDatabase.kinds)
  func unknown(kind: TestDatabase.Kind) async throws {
    try await TestEngine.with(kind) { test in
      let accounts = test.engine.accounts
      let sid = Account.ID(random: Array(repeating: 7, count: 16))
      let key = APIKey.ID(random: Array(repeating: 7, count: 16))
      func failure(_ work: () async throws -> Void) async -> String? {
        do { try await work() } catch { return "\(error)" }
        return nil
      }
      #expect(await failure { _ = try await accounts.rotateToken(of: sid) } == "there is no \(sid.text)")
      #expect(await failure { _ = try await accounts.token(of: sid) } == "there is no \(sid.text)")
      #expect(await failure { try await accounts.disable(sid) } == "there is no \(sid.text)")
      #expect(await failure { _ = try await accounts.createKey(of: sid, name: "ci") } == "there is no \(sid.text)")
      #expect(await failure { try await accounts.revokeKey(key) } == "there is no \(key.text)")
      let keys = try await accounts.keys(of: nil)
      #expect(keys.isEmpty)
    }
  }

  @Test("Neither tokens nor secrets of keys are in the database's files")
  func nothingInClear() async throws {
    try await TestEngine.with { test in
      let accounts = test.engine.accounts
      let (account, first) = try await accounts.create(name: "in-clear-name")
      let (_, secret) = try await accounts.createKey(of: account.id, name: "ci")
      let given = "given token of 25 letters"
      _ = try await accounts.create(name: "Given", token: given)
      let second = try await accounts.rotateToken(of: account.id)

      var files = Data()
      for suffix in ["", "-wal", "-shm"] { files += (try? Data(contentsOf: URL(fileURLWithPath: test.path + suffix))) ?? Data() }
      // What is kept in clear is found, so the search does search.
      #expect(files.range(of: Data("in-clear-name".utf8)) != nil)
      for text in [first, second, secret, given] {
        for form in [text, Data(text.utf8).base64EncodedString()] { #expect(files.range(of: Data(form.utf8)) == nil) }
      }
    }
  }
}

import ArgumentParser
import Foundation
import ParleyDomain
import ParleyEngine
import ParleyStorage

/// `parley account`: who may use the server.
struct AccountCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "account", abstract: "Create, list and end accounts.",
    discussion: "Works beside a running server on the same database.\n\nExample: parley account create --name Harbor",
    subcommands: [Create.self, List.self, RotateToken.self, Disable.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create an account and print its SID and auth token.",
      discussion: """
        The token is made up, unless --auth-token-stdin or PARLEY_AUTH_TOKEN in the environment gives one. Where there is no database yet,
        the command refuses: in a wrong folder it would make an account that no server knows. --create makes the database.

        Example: parley account create --name Harbor --json
        """)
    @OptionGroup var database: DatabaseOptions
    @Option(help: "A name for people.") var name: String
    @Option(help: "The SID, AC with 32 lower-case hexadecimal digits; made up if it is not given.") var sid: String?
    @Flag(help: "Read the auth token, 16 to 128 visible characters, from a line of standard input.") var authTokenStdin = false
    @Flag(help: "Make the database, or the tables in an empty one, if there is none.") var create = false
    @Flag(help: "Print JSON.") var json = false
    /// A secret that `ps` would show.
    @Option(name: .customLong("auth-token"), help: .hidden) var shownToken: String?

    func validate() throws {
      if shownToken != nil {
        throw ValidationError(
          "--auth-token would show the token to everybody on this machine: use PARLEY_AUTH_TOKEN in the environment, or --auth-token-stdin")
      }
      try checkName(name)
      if let sid, Account.ID(sid) == nil { throw ValidationError("--sid must be AC with 32 lower-case hexadecimal digits") }
    }

    func run() async throws {
      let settings = try readSettings(flags: database.flags, needsWholeAccount: false)
      let sid = sid.flatMap(Account.ID.init)
      let token = try givenToken(settings, sid)
      let made = try await database.withEngine(create: create, settings) { engine, _ in
        try await engine.accounts.create(name: name, sid: sid, token: token)
      }
      printFields([("accountSid", made.account.id.text), ("authToken", made.token)], json: json)
    }

    /// The token of the environment is not taken if an account beside it says that it is another's: that of the servers' own account.
    private func givenToken(_ settings: Settings, _ sid: Account.ID?) throws -> String? {
      guard authTokenStdin else {
        return settings.accountSID == nil || settings.accountSID == sid ? settings.authToken : nil
      }
      let token: String
      do { token = try TextFile.firstLineOfInput() } catch { throw CommandFailure(error) }
      guard Settings.isToken(token) else {
        throw ValidationError("standard input must begin with a line of 16 to 128 visible ASCII characters, the auth token")
      }
      return token
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the accounts.", discussion: "Example: parley account list --json")
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let accounts = try await database.withEngine { engine, _ in try await engine.accounts.list() }
      printTable(
        accounts.map { account in
          [
            ("accountSid", account.id.text), ("name", account.name), ("createdAt", account.createdAt.wholeSeconds),
            ("disabledAt", account.disabledAt?.wholeSeconds),
          ]
        }, json: json)
    }
  }

  struct RotateToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give an account a new auth token and print it; the old one ends within seconds.",
      discussion: "account.env is changed as well if it is that account's.\n\nExample: parley account rotate-token AC…")
    @OptionGroup var database: DatabaseOptions
    @Argument(help: "The account's SID.") var account: String
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let id = try sid(account)
      try await database.withEngine { engine, settings in
        // Before the token changes: a file that can't be read leaves the old token in force.
        let file = try settings.database.folder.map(AccountFile.init)
        let token = try await engine.accounts.rotateToken(of: id)
        // Before the file is written: whatever becomes of that, this token is the account's.
        printFields([("accountSid", account), ("authToken", token)], json: json)
        guard var file, file.sid == id.text else { return }
        // Another process may replace the token or the file at the same time: who writes last has the token that is in force.
        var current = token
        repeat {
          file.token = current
          try file.write()
          current = try await engine.accounts.token(of: id)
        } while current != file.token
      }
    }
  }

  struct Disable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End all signing in to an account, its keys included; its data stays.", discussion: "Example: parley account disable AC…")
    @OptionGroup var database: DatabaseOptions
    @Argument(help: "The account's SID.") var account: String

    func run() async throws {
      let id = try sid(account)
      try await database.withEngine { engine, _ in try await engine.accounts.disable(id) }
    }
  }
}

/// `parley key`: API keys, which can be taken back one by one.
struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "Create, list and revoke API keys.",
    discussion: "Works beside a running server on the same database.\n\nExample: parley key create --account AC… --name ci",
    subcommands: [Create.self, List.self, Revoke.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create an API key and print its SID and secret, which is told only now.",
      discussion: "Example: parley key create --account AC… --name ci --json")
    @OptionGroup var database: DatabaseOptions
    @Option(help: "SID of the account that the key is for.") var account: String
    @Option(help: "A name for people.") var name = ""
    @Flag(help: "Print JSON.") var json = false

    func validate() throws { if !name.isEmpty { try checkName(name) } }

    func run() async throws {
      let id = try sid(account)
      let made = try await database.withEngine { engine, _ in try await engine.accounts.createKey(of: id, name: name) }
      printFields([("keySid", made.key.id.text), ("secret", made.secret)], json: json)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the API keys, without their secrets.", discussion: "Example: parley key list --account AC…")
    @OptionGroup var database: DatabaseOptions
    @Option(help: "Only keys of the account with this SID.") var account: String?
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let id = try account.map(sid)
      let keys = try await database.withEngine { engine, _ in try await engine.accounts.keys(of: id) }
      printTable(
        keys.map { key in
          [
            ("keySid", key.id.text), ("accountSid", key.accountId.text), ("name", key.name), ("createdAt", key.createdAt.wholeSeconds),
            ("revokedAt", key.revokedAt?.wholeSeconds),
          ]
        }, json: json)
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke an API key; it ends within seconds.", discussion: "Example: parley key revoke SK…")
    @OptionGroup var database: DatabaseOptions
    @Argument(help: "The key's SID.") var key: String

    func run() async throws {
      guard let id = APIKey.ID(key) else {
        throw ValidationError("\(Terminal.text(key)) is no SID of a key: SK with 32 lower-case hexadecimal digits")
      }
      try await database.withEngine { engine, _ in try await engine.accounts.revokeKey(id) }
    }
  }
}

/// The SID of an account that was given on the command line.
func sid(_ text: String) throws -> Account.ID {
  guard let sid = Account.ID(text) else {
    throw ValidationError("\(Terminal.text(text)) is no SID of an account: AC with 32 lower-case hexadecimal digits")
  }
  return sid
}

private func checkName(_ name: String) throws {
  guard name.hasCharacters(1...Account.nameCharactersMax), !name.hasControlCharacters else {
    throw ValidationError("--name must have 1 to \(Account.nameCharactersMax) characters, none of them a control character")
  }
}

/// One record: JSON on one line, or a line a field.
func printFields(_ fields: [(String, String?)], json: Bool) {
  guard json else { return printResult(fields.map { "\($0.0): \(Terminal.text($0.1 ?? "-"))" }.joined(separator: "\n")) }
  var writer = JSONWriter()
  write(fields, to: &writer)
  printResult(String(decoding: writer.bytes, as: UTF8.self))
}

/// Many records: a JSON list, or a line a record with tabs.
func printTable(_ records: [[(String, String?)]], json: Bool) {
  guard json else {
    for record in records { printResult(record.map { Terminal.text($0.1 ?? "-") }.joined(separator: "\t")) }
    return
  }
  var writer = JSONWriter()
  writer.array { writer in for record in records { write(record, to: &writer) } }
  printResult(String(decoding: writer.bytes, as: UTF8.self))
}

private func write(_ fields: [(String, String?)], to writer: inout JSONWriter) {
  writer.object { writer in
    for (name, value) in fields {
      writer.name(name)
      if let value { writer.string(value) } else { writer.null() }
    }
  }
}

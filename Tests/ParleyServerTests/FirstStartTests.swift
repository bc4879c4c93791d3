import Foundation
import ParleyTesting
import Testing

extension ServerTests {
  @Suite struct FirstStartTests {
    private static let sid = "AC00000000000000000000000000000001"

    @Test("The first start makes an account, and private files with its token and the key; the token is in no output")
    func privateFiles() async throws {
      try await ServerProcess.with { server, folder in
        for name in ["account.env", "secret.key", "parley.db", "parley.db-wal", "parley.db.lock"] {
          #expect(CommandTests.mode(folder.appendingPathComponent(name)) == 0o600, "\(name)")
        }
        let text = try String(contentsOf: folder.appendingPathComponent("account.env"), encoding: .utf8)
        let form = try Regex(
          "TWILIO_ACCOUNT_SID=AC[0-9a-f]{32}\nTWILIO_AUTH_TOKEN=[0-9a-f]{32}\nPARLEY_URL=http://127.0.0.1:\(server.port)\n")
        #expect(text.wholeMatch(of: form) != nil)
        #expect(server.announcement.hasPrefix("Parley listens on http://127.0.0.1:\(server.port)\n"))
        #expect(!(server.announcement + server.child.errors).contains(server.credentials.password))
        let accounts = try await Command.run(["account", "list"], in: folder).output.split(separator: "\n")
        #expect(accounts.count == 1)
      }
    }

    @Test(
      "The printed line works as it stands, also where the path has spaces and quotes", arguments: ["data", "it's \"here\" $HOME", "-data"])
    func printedLine(_ name: String) async throws {
      try await TestDatabase.withFolder { folder in
        let environment = ["PARLEY_DATABASE_URL": "sqlite:\(name)/parley.db", "PARLEY_SECRET_KEY_FILE": "\(name)/secret.key"]
        let child = try Child([Command.path, "serve"], in: folder, ServerProcess.settings.merging(environment) { $1 })
        var said = ""
        for await part in child.output {
          said += part
          if said.contains("curl "), said.hasSuffix("\n") { break }
        }
        let line = try #require(said.split(separator: "\n").first { $0.contains("curl ") }, "\(child.errors)")
        let ran = try await Command.shell(String(line), in: folder)
        #expect(ran.status == 0 && ran.output.contains("\"conversations\":[]"), "\(line)\n\(ran)")
        child.signal(SIGTERM)
        #expect(await child.end() == 0)
      }
    }

    @Test("With --show-token the token is printed")
    func showToken() async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(in: folder, arguments: ["--show-token"])
        #expect(server.announcement.contains("TWILIO_AUTH_TOKEN=\(server.credentials.password)\n"))
        #expect(!server.child.errors.contains(server.credentials.password))
        await server.kill()
      }
    }

    @Test("Every start writes the URL anew, and keeps the account")
    func rewritten() async throws {
      try await TestDatabase.withFolder { folder in
        let file = folder.appendingPathComponent("account.env")
        let first = try await ServerProcess.start(in: folder)
        #expect(await first.stop() == 0)
        let text = try String(contentsOf: file, encoding: .utf8)
        try Data(text.replacing("PARLEY_URL=http", with: "PARLEY_URL=gopher").utf8).write(to: file)

        let second = try await ServerProcess.start(in: folder)
        let account = try AccountEnvironment(file)
        #expect(account.url == "http://127.0.0.1:\(second.port)")
        #expect((account.sid, account.token) == (first.credentials.user, first.credentials.password))
        try await second.expect(200, "GET", "/v2/Conversations")
        let accounts = try await Command.run(["account", "list"], in: folder).output.split(separator: "\n")
        #expect(accounts.count == 1)
        await second.kill()
      }
    }

    @Test("A given account is made if it is absent; with another token the server refuses, and names the remedy but no token")
    func givenAccount() async throws {
      try await TestDatabase.withFolder { folder in
        let given = ["PARLEY_ACCOUNT_SID": Self.sid, "PARLEY_AUTH_TOKEN": "'correct'horse-$(battery)'"]
        let first = try await ServerProcess.start(in: folder, given)
        let credentials = Credentials(user: Self.sid, password: "'correct'horse-$(battery)'")
        #expect(try await first.send("GET", "/v2/Conversations", as: credentials).status == 200)
        #expect(await first.stop() == 0)
        let again = try await ServerProcess.start(in: folder, given)
        #expect(await again.stop() == 0)
        // Whatever the token, a shell reads it back, also from a file that was written anew.
        let read = try await Command.shell(". ./account.env && printf %s \"$TWILIO_AUTH_TOKEN\"", in: folder)
        #expect(read.output == credentials.password)

        let refused = await #expect(throws: StartRefused.self) {
          try await ServerProcess.start(in: folder, given.merging(["PARLEY_AUTH_TOKEN": "another-token-of-mine"]) { $1 })
        }
        #expect(refused?.status == 1)
        #expect(refused?.errors.contains("account rotate-token") == true && refused?.errors.contains(Self.sid) == true)
        for token in [credentials.password, "another-token-of-mine"] { #expect(refused?.errors.contains(token) == false) }
      }
    }

    @Test("A second server on the same file refuses and says why; the first goes on")
    func secondServer() async throws {
      try await ServerProcess.with { server, folder in
        let before = try String(contentsOf: folder.appendingPathComponent("account.env"), encoding: .utf8)
        let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
        #expect(refused?.status == 1)
        #expect(refused?.errors.contains("another server uses parley.db") == true, "\(refused?.errors ?? "")")
        #expect(try String(contentsOf: folder.appendingPathComponent("account.env"), encoding: .utf8) == before)
        try await server.expect(200, "GET", "/v2/Conversations")
      }
    }

    @Test("A server on a port that is in use says so and ends, and its database is free")
    func portInUse() async throws {
      try await ServerProcess.with { first, _ in
        try await TestDatabase.withFolder { folder in
          let refused = await #expect(throws: StartRefused.self) {
            try await ServerProcess.start(in: folder, ["PARLEY_PORT": "\(first.port)"])
          }
          #expect(refused?.status == 1)
          #expect(refused?.errors.contains("if the port is in use, set PARLEY_PORT") == true, "\(refused?.errors ?? "")")
          let other = try await ServerProcess.start(in: folder)
          #expect(await other.stop() == 0)
        }
      }
    }

    @Test("With a wrong key or none the server refuses, makes no new key, and starts again with the right one")
    func key() async throws {
      try await TestDatabase.withFolder { folder in
        let file = folder.appendingPathComponent("secret.key")
        let first = try await ServerProcess.start(in: folder)
        #expect(await first.stop() == 0)
        let right = try Data(contentsOf: file)

        try FileManager.default.removeItem(at: file)
        let missing = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
        #expect(missing?.status == 1 && missing?.errors.contains("secret.key") == true, "\(missing?.errors ?? "")")
        #expect(!FileManager.default.fileExists(atPath: file.path))
        let command = try await Command.run(["account", "create", "--name", "x"], in: folder)
        #expect(command.status == 1 && !FileManager.default.fileExists(atPath: file.path))

        let wrong = Data(Data(repeating: 9, count: 32).base64EncodedString().utf8)
        for text in [wrong, Data("no key".utf8), Data()] {
          try text.write(to: file)
          chmod(file.path, 0o600)
          let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
          #expect(refused?.status == 1)
          #expect(try Data(contentsOf: file) == text)
          #expect(refused?.errors.contains(String(decoding: wrong, as: UTF8.self)) == false)
        }

        try right.write(to: file)
        let last = try await ServerProcess.start(in: folder)
        try await last.expect(200, "GET", "/v2/Conversations")
        await last.kill()
      }
    }

    @Test("A damaged file is refused with a clear word, whatever is damaged", arguments: ["head", "middle", "cut", "text"])
    func damaged(_ damage: String) async throws {
      try await TestDatabase.withFolder { folder in
        let file = folder.appendingPathComponent("parley.db")
        let first = try await ServerProcess.start(in: folder)
        _ = try await first.makeConfiguration()
        #expect(await first.stop() == 0)
        var bytes = try Data(contentsOf: file)
        switch damage {
        case "head": bytes.replaceSubrange(0..<100, with: Data(repeating: 0xEE, count: 100))
        case "middle":
          for page in 1..<bytes.count / 4096 {
            bytes.replaceSubrange(page * 4096..<page * 4096 + 64, with: Data(repeating: 0xEE, count: 64))
          }
        case "cut": bytes = bytes.prefix(bytes.count / 2)
        default: bytes = Data("Dear diary,\n".utf8) + Data(repeating: 0x20, count: 8192)
        }
        try bytes.write(to: file)
        let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
        #expect(refused?.status == 1)
        #expect(refused?.errors.contains("parley.db is damaged") == true, "\(refused?.errors ?? "")")
        #expect(try Data(contentsOf: file) == bytes)
      }
    }
  }
}

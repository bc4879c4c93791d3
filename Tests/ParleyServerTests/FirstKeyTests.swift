import Foundation
import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@testable import parley

extension ServerTests {
  /// The files of a new database: who makes them, and that nobody makes them twice.
  @Suite struct FirstKeyTests {
    // MARK: - At the same time

    @Test(
      "Processes that open an unsealed database at the same time agree on one key, whatever they begin with",
      arguments: ["migrated", "empty", "nothing", "server"])
    func sameTime(_ start: String) async throws {
      for _ in 0..<4 {
        try await TestDatabase.withFolder { folder in
          if start == "migrated" || start == "server" {
            #expect(try await Command.run(["db", "migrate"], in: folder).status == 0)
          } else if start == "empty" {
            try Data().write(to: folder.appendingPathComponent("parley.db"))
          }
          let create = start == "empty" || start == "nothing" ? ["--create"] : []
          let nobody = Credentials(user: "", password: "")
          let server = start == "server" ? Task { try await ServerProcess.start(in: folder, known: nobody) } : nil
          let finished = try await withThrowingTaskGroup(of: Finished.self) { group in
            for number in 0..<6 {
              group.addTask { try await Command.run(["account", "create", "--name", "r\(number)"] + create, in: folder) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
          }
          for command in finished { #expect(command.status == 0, "\(command)") }
          if let server { #expect(try await server.value.stop() == 0) }
          let list = try await Command.run(["account", "list"], in: folder)
          #expect(list.status == 0 && list.output.split(separator: "\n").count >= 6, "\(list)")
          let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
          #expect(!names.contains { $0.hasSuffix(".part") }, "\(names)")
          // Tokens sealed by each can be opened by all.
          let last = try await ServerProcess.start(in: folder, known: nobody)
          for command in finished {
            let fields = command.output.split(separator: "\n").map { $0.split(separator: " ").last.map(String.init) ?? "" }
            guard fields.count == 2 else { continue }
            let credentials = Credentials(user: fields[0], password: fields[1])
            #expect(try await last.send("GET", "/v2/Conversations", as: credentials).status == 200)
          }
          #expect(await last.stop() == 0)
        }
      }
    }

    @Test("A new key never takes the place of another: the one that is there is used")
    func keyInPlace() async throws {
      try await TestDatabase.withFolder { folder in
        let path = folder.appendingPathComponent("deep/er/secret.key").path
        let keys = await withTaskGroup(of: String?.self) { group in
          for _ in 0..<8 { group.addTask { try? SecretKeyFile.make(path).check } }
          return await group.reduce(into: [String?]()) { $0.append($1) }
        }
        let inFile = try #require(try SecretKeyFile.read(path)).check
        #expect(keys == Array(repeating: inFile, count: 8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent("deep/er").path) == ["secret.key"])
      }
    }

    @Test("Of tokens that are rotated at the same time, account.env has the one in force")
    func rotations() async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(in: folder)
        for _ in 0..<3 {
          let statuses = try await withThrowingTaskGroup(of: Finished.self) { group in
            for _ in 0..<6 { group.addTask { try await Command.run(["account", "rotate-token", server.credentials.user], in: folder) } }
            return try await group.reduce(into: []) { $0.append($1) }
          }
          for command in statuses { #expect(command.status == 0, "\(command)") }
          let account = try AccountEnvironment(folder.appendingPathComponent("account.env"))
          let credentials = Credentials(user: account.sid, password: account.token)
          // A sign-in is remembered for seconds.
          try await eventually { try await server.send("GET", "/v2/Conversations", as: credentials).status == 200 }
        }
        #expect(await server.stop() == 0)
      }
    }

    // MARK: - account.env

    @Test("A file that is replaced keeps its mode; root leaves it to its owner", arguments: [0o600, 0o640, 0o400, 0o604] as [mode_t])
    func owner(mode: mode_t) async throws {
      try await TestDatabase.withFolder { folder in
        let path = folder.appendingPathComponent("account.env").path
        try PrivateFile.write("first", to: path)
        #expect(CommandTests.mode(URL(fileURLWithPath: path)) == 0o600)
        let (user, group): (uid_t, gid_t) = geteuid() == 0 ? (1234, 4321) : (geteuid(), getegid())
        #expect(chown(path, user, group) == 0 && chmod(path, mode) == 0)
        try PrivateFile.write("second", to: path)
        var found = stat()
        #expect(stat(path, &found) == 0 && found.st_uid == user && found.st_gid == group && found.st_mode & 0o777 == mode)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "second")
      }
    }

    @Test(
      "An account.env that can't be read is said, left alone, and keeps no server from its start",
      arguments: ["loop", "file", "nothing", "folder"])
    func unreadable(_ kind: String) async throws {
      try await TestDatabase.withFolder { folder in
        let path = folder.appendingPathComponent("account.env").path
        func plant() {
          switch kind {
          case "loop": symlink("account.env", path)
          case "file": symlink("parley.db/none", path)
          case "nothing": symlink("nowhere", path)
          default: mkdir(path, 0o700)
          }
        }
        // Nobody could ever learn the token of the first account.
        plant()
        let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
        #expect(refused?.errors.contains("account.env") == true, "\(refused?.errors ?? "")")
        remove(path)
        let first = try await ServerProcess.start(in: folder)
        #expect(await first.stop() == 0)
        unlink(path)
        plant()
        let second = try await ServerProcess.start(in: folder, known: first.credentials)
        #expect(second.child.errors.contains("account.env") && second.child.errors.contains("is left as it is"))
        try await second.expect(200, "GET", "/v2/Conversations")
        #expect(await second.stop() == 0)
        var found = stat()
        #expect(lstat(path, &found) == 0 && found.st_mode & S_IFMT == (kind == "folder" ? S_IFDIR : S_IFLNK))
      }
    }

    @Test("A first start that ended before it wrote account.env is made up for by the next")
    func lostToken() async throws {
      try await TestDatabase.withFolder { folder in
        let file = folder.appendingPathComponent("account.env")
        let first = try await ServerProcess.start(in: folder)
        await first.kill()
        try FileManager.default.removeItem(at: file)
        let second = try await ServerProcess.start(in: folder)
        #expect((second.credentials.user, second.credentials.password) == (first.credentials.user, first.credentials.password))
        try await second.expect(200, "GET", "/v2/Conversations")
        #expect(await second.stop() == 0)
        // With a second account nobody says whose file it would be; nor is another's account the server's own.
        #expect(try await Command.run(["account", "create", "--name", "default"], in: folder).status == 0)
        try FileManager.default.removeItem(at: file)
        let third = try await ServerProcess.start(in: folder, known: first.credentials)
        #expect(await third.stop() == 0)
        #expect(!FileManager.default.fileExists(atPath: file.path))
      }
      for (name, disables) in [("Harbor", false), ("default", true)] {
        try await TestDatabase.withFolder { folder in
          let made = try await Command.run(["account", "create", "--name", name, "--create"], in: folder)
          let sid = made.output.split(separator: "\n").first?.split(separator: " ").last.map(String.init) ?? ""
          if disables { #expect(try await Command.run(["account", "disable", sid], in: folder).status == 0) }
          let server = try await ServerProcess.start(in: folder, known: Credentials(user: "", password: ""))
          #expect(await server.stop() == 0)
          #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("account.env").path))
        }
      }
    }

    // MARK: - Hosts

    @Test(
      "health reaches a server by whatever name its host has, and account.env has a URL of it",
      arguments: [
        ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("[::1]", "[::1]"), ("::", "[::1]"), ("0:0:0:0:0:0:0:0", "[::1]"),
        ("0.0.0.0", "127.0.0.1"), ("localhost", "localhost"),
      ])
    func health(host: String, url: String) async throws {
      try await TestDatabase.withFolder { folder in
        let child = try Child([Command.path, "serve", "--host", host], in: folder, ServerProcess.settings)
        try await eventually { FileManager.default.fileExists(atPath: folder.appendingPathComponent("account.env").path) }
        let health = try await Command.run(["health", "--host", host, "--wait", "20"], in: folder)
        #expect(health.status == 0, "\(health)\n\(child.errors)")
        let account = try AccountEnvironment(folder.appendingPathComponent("account.env"))
        #expect(account.url.hasPrefix("http://\(url):"), "\(account.url)")
        child.signal(SIGTERM)
        #expect(await child.end() == 0)
      }
    }

    @Test(
      "A host stands in a URL as URLs have it",
      arguments: [
        ("::1", "[::1]"), ("[::1]", "[::1]"), ("::", "[::1]"), ("[::]", "[::1]"), ("fe80::1%eth0", "[fe80::1]"), ("0.0.0.0", "127.0.0.1"),
        ("parley.internal", "parley.internal"), ("2001:db8::7", "[2001:db8::7]"), ("[x]", "[x]"), ("10.0.0.0", "10.0.0.0"),
      ])
    func hosts(host: String, url: String) { #expect(LocalHost.reachable(host) == url) }
  }
}

import Foundation
import ParleyTesting
import Testing

extension ServerTests {
  @Suite struct SettingsTests {
    @Test("All wrong settings are named at once, with status 64 and without the values of secrets")
    func wrong() async throws {
      try await TestDatabase.withFolder { folder in
        let wrong = [
          "PARLEY_PORT": "70000", "PARLEY_DATABASE_URL": "postgres://me:hidden-p@lock@host/name",
          "PARLEY_DATABASE_CONNECTIONS": "0", "PARLEY_DATABASE_MIGRATE": "yes",
          "PARLEY_SECRET_KEY": "no-key-but-secret",
          "PARLEY_ACCOUNT_SID": "AC1", "PARLEY_AUTH_TOKEN": "short-secret", "PARLEY_RATE_LIMIT": "-1", "PARLEY_MAX_BODY_MEMORY": "0",
          "PARLEY_DRAIN_SECONDS": "soon", "PARLEY_WEBHOOK_ALLOW_PRIVATE": "maybe", "PARLEY_PUBLIC_URL": "ftp://host",
          "PARLEY_LOG_LEVEL": "loud",
          "PARLEY_LOG_FORMAT": "xml",
        ]
        let refused = try await Command.run(["serve"], in: folder, wrong)
        #expect(refused.status == 64, "\(refused)")
        #expect(refused.output.isEmpty)
        for name in wrong.keys { #expect(refused.errors.contains(name), "\(name) is not named in \(refused.errors)") }
        for secret in ["hidden-p", "lock@", "no-key-but-secret", "short-secret"] { #expect(!refused.errors.contains(secret)) }
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("parley.db").path))
      }
    }

    @Test(
      "Half an account is wrong, whichever half",
      arguments: [
        ["PARLEY_ACCOUNT_SID": "AC00000000000000000000000000000001"], ["PARLEY_AUTH_TOKEN": "correct-horse-battery"],
      ])
    func halfAnAccount(_ half: [String: String]) async throws {
      try await TestDatabase.withFolder { folder in
        let refused = try await Command.run(["serve"], in: folder, half)
        #expect(refused.status == 64 && refused.errors.contains("PARLEY_ACCOUNT_SID") && refused.errors.contains("PARLEY_AUTH_TOKEN"))
        #expect(!refused.errors.contains("correct-horse-battery"))
      }
    }

    @Test(
      "A list of private hosts that can't be read, or that names an address which is always refused, is wrong",
      arguments: ["127.0.0.1:x", "10.0.0.0/33", "yes", "169.254.169.254", "a.internal,,b.internal"])
    func privateHosts(_ list: String) async throws {
      try await TestDatabase.withFolder { folder in
        let refused = try await Command.run(["serve"], in: folder, ["PARLEY_WEBHOOK_ALLOW_PRIVATE": list])
        #expect(refused.status == 64 && refused.errors.contains("PARLEY_WEBHOOK_ALLOW_PRIVATE must be true, false, or hosts"), "\(refused)")
      }
    }

    @Test("A link-local public URL is no callback, and taken")
    func linkLocalPublicURL() async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(in: folder, ["PARLEY_PUBLIC_URL": "http://169.254.10.5:8080"])
        #expect(server.announcement.hasPrefix("Parley listens on http://169.254.10.5:8080\n"))
        #expect(await server.stop() == 0)
      }
    }

    @Test("A flag wins over the environment, the environment over the file that PARLEY_CONFIG names")
    func precedence() async throws {
      try await TestDatabase.withFolder { folder in
        let file = "# a comment\n\n PARLEY_PUBLIC_URL = http://file.example:1 \nPARLEY_PORT=none\n"
        try Data(file.utf8).write(to: folder.appendingPathComponent("settings"))
        // The port of the file is no number, so the environment's is the one that is read.
        let config = ["PARLEY_CONFIG": "settings", "PARLEY_PORT": "0"]
        let environment = config.merging(["PARLEY_PUBLIC_URL": "http://environment.example:2"]) { $1 }
        for (url, settings, flags) in [
          ("http://file.example:1", config, []), ("http://environment.example:2", environment, []),
          ("http://flag.example:3", environment, ["--public-url", "http://flag.example:3"]),
          // An empty value counts as none.
          ("http://file.example:1", config.merging(["PARLEY_PUBLIC_URL": ""]) { $1 }, []),
          ("http://file.example:1", config.merging(["PARLEY_PUBLIC_URL": "\n"]) { $1 }, ["--public-url", ""]),
          ("http://environment.example:2", environment, ["--public-url", ""]),
        ] {
          let server = try await ServerProcess.start(in: folder, settings, arguments: flags)
          #expect(server.announcement.hasPrefix("Parley listens on \(url)\n"))
          #expect(try AccountEnvironment(folder.appendingPathComponent("account.env")).url == url)
          #expect(await server.stop() == 0)
        }
      }
    }

    @Test("A settings file that is missing, or has a line that means nothing, is wrong")
    func wrongFile() async throws {
      try await TestDatabase.withFolder { folder in
        let missing = try await Command.run(["serve"], in: folder, ["PARLEY_CONFIG": "nowhere"])
        #expect(missing.status == 64 && missing.errors.contains("nowhere"), "\(missing)")
        let lines = "PARLEY_POTR=1\nPARLEY_HOST\nPARLEY_AUTH_TOKEN=short-secret\nPARLEY_CONFIG=\n"
        try Data(lines.utf8).write(to: folder.appendingPathComponent("settings"))
        let refused = try await Command.run(["serve", "--config", "settings"], in: folder)
        #expect(refused.status == 64 && refused.errors.contains("line 1") && refused.errors.contains("line 2"), "\(refused)")
        #expect(refused.errors.contains("line 4 of settings names a file of settings"), "\(refused)")
        #expect(!refused.errors.contains("short-secret"))
      }
    }

    @Test("An unknown name that begins with PARLEY_ is noted, its value is not, and the server starts")
    func unknown() async throws {
      try await ServerProcess.with(["PARLEY_POTR": "some-secret"]) { server, _ in
        #expect(server.child.errors.contains("PARLEY_POTR"))
        #expect(!server.child.errors.contains("some-secret"))
        #expect(!server.child.errors.contains("PARLEY_PORT"))
      }
    }
  }
}

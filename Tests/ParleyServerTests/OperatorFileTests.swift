import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import parley

extension ServerTests {
  /// Files that the operator's hands, editors and other users have been at.
  @Suite struct OperatorFileTests {
    // MARK: - Who may read them

    @Test(
      "A key that others can read or change is refused, by any mode of the three; the remedy is named, the key is not",
      arguments: [0o644, 0o640, 0o604, 0o620, 0o602, 0o666] as [mode_t])
    func exposedKey(mode: mode_t) async throws {
      try await TestDatabase.withFolder { folder in
        let key = Self.makeKey(in: folder, mode: mode)
        let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
        let errors = refused?.errors ?? ""
        #expect(errors.contains("secret.key") && errors.contains("chmod 600") && errors.contains("PARLEY_SECRET_KEY"), "\(errors)")
        #expect(errors.contains("mode 0\(String(mode, radix: 8))") && !errors.contains(key), "\(errors)")
        // The way out, where the file's mode is not ours to change.
        let server = try await ServerProcess.start(in: folder, ["PARLEY_SECRET_KEY": key + "\r\n"])
        #expect(await server.stop() == 0)
        chmod(folder.appendingPathComponent("secret.key").path, 0o400)
        let again = try await ServerProcess.start(in: folder)
        #expect(await again.stop() == 0)
      }
    }

    @Test(
      "A key may be its user's own, or root's, who mounts it for others; nobody else's",
      arguments: [
        (1000, 0o600, 1000, true), (1000, 0o400, 1000, true), (1000, 0o640, 1000, false), (0, 0o444, 1000, true), (0, 0o440, 1000, true),
        (0, 0o446, 1000, false), (0, 0o464, 1000, false), (1001, 0o600, 1000, false), (1001, 0o600, 0, true), (1001, 0o644, 0, false),
        (0, 0o444, 0, false), (0, 0o600, 0, true),
      ] as [(uid_t, mode_t, uid_t, Bool)])
    func keyOwners(owner: uid_t, mode: mode_t, user: uid_t, isTaken: Bool) {
      #expect((SecretKeyFile.objection(owner: owner, mode: S_IFREG | mode, user: user) == nil) == isTaken)
    }

    @Test(
      "A settings file with a secret in it is refused if others can read or change it; one without a secret may be open",
      arguments: [0o600, 0o644, 0o620, 0o666, 0o604] as [mode_t])
    func exposedSettings(mode: mode_t) async throws {
      try await TestDatabase.withFolder { folder in
        let file = folder.appendingPathComponent("settings")
        let key = Data((0..<32).map { UInt8($0) }).base64EncodedString()
        let secrets = [
          "PARLEY_SECRET_KEY=\(key)\n", "PARLEY_ACCOUNT_SID=AC00000000000000000000000000000001\nPARLEY_AUTH_TOKEN=correct-horse-battery\n",
        ]
        for (text, hasSecret) in secrets.map({ ($0, true) }) + [("PARLEY_LOG_LEVEL=info\nPARLEY_SECRET_KEY=\n", false)] {
          try Data(text.utf8).write(to: file)
          chmod(file.path, mode)
          let ended = try await Command.run(["account", "create", "--name", "x", "--create", "--config", "settings"], in: folder)
          let isRefused = hasSecret && mode != 0o600
          #expect(ended.status == (isRefused ? 64 : 0), "\(ended)")
          #expect(ended.errors.contains("mode 0\(String(mode, radix: 8))") == isRefused)
          for secret in [key, "correct-horse"] { #expect(!ended.errors.contains(secret)) }
          for name in ["parley.db", "parley.db-wal", "parley.db-shm", "secret.key"] { unlink(folder.appendingPathComponent(name).path) }
        }
      }
    }

    @Test("A database that others may read is said when the server starts, and served")
    func exposedDatabase() async throws {
      try await TestDatabase.withFolder { folder in
        let first = try await ServerProcess.start(in: folder)
        #expect(!first.child.errors.contains("mode 0"))
        #expect(await first.stop() == 0)
        chmod(folder.appendingPathComponent("parley.db").path, 0o644)
        let second = try await ServerProcess.start(in: folder)
        #expect(second.child.errors.contains("parley.db has mode 0644") && second.child.errors.contains("chmod 600 parley.db"))
        #expect(await second.stop() == 0)
      }
    }

    // MARK: - What is in their place

    @Test("What has the name that others give to half a file is left alone, and keeps nobody from making the file", arguments: 0..<6)
    func planted(case number: Int) async throws {
      try await TestDatabase.withFolder { folder in
        let part = folder.appendingPathComponent("secret.key.part").path
        let target = folder.appendingPathComponent("target").path
        switch number {
        case 0: try Data("half a k".utf8).write(to: URL(fileURLWithPath: part))
        case 1: symlink("target", part)
        case 2: symlink("/dev/null", part)
        case 3: mkdir(part, 0o700)
        case 4: mkfifo(part, 0o600)
        default:
          try Data("mine".utf8).write(to: URL(fileURLWithPath: target))
          link(target, part)
        }
        let before = try FileManager.default.attributesOfItem(atPath: part)[.systemFileNumber] as? Int
        let server = try await ServerProcess.start(in: folder)
        #expect(CommandTests.mode(folder.appendingPathComponent("secret.key")) == 0o600)
        #expect(await server.stop() == 0)
        #expect(try FileManager.default.attributesOfItem(atPath: part)[.systemFileNumber] as? Int == before)
        #expect((try? String(contentsOfFile: target, encoding: .utf8)) == (number == 5 ? "mine" : nil))
      }
    }

    @Test("A key's link to nothing is refused, and nothing is made where it leads; a link to a key is followed")
    func linkedKey() async throws {
      try await TestDatabase.withFolder { folder in
        symlink("mounted/key", folder.appendingPathComponent("secret.key").path)
        mkdir(folder.appendingPathComponent("mounted").path, 0o700)
        let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
        #expect(refused?.errors.contains("secret.key can't be read") == true, "\(refused?.errors ?? "")")
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("mounted/key").path))
        _ = Self.makeKey(in: folder.appendingPathComponent("mounted"), name: "key", mode: 0o600)
        let server = try await ServerProcess.start(in: folder)
        #expect(await server.stop() == 0)
      }
    }

    @Test("A link in the place of account.env is replaced and not followed, and a pipe there does not hold the server")
    func linkedAccount() async throws {
      try await TestDatabase.withFolder { folder in
        let (file, target) = (folder.appendingPathComponent("account.env").path, folder.appendingPathComponent("target").path)
        try Data("# mine\n".utf8).write(to: URL(fileURLWithPath: target))
        symlink("target", file)
        let server = try await ServerProcess.start(in: folder)
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "# mine\n")
        #expect(CommandTests.mode(URL(fileURLWithPath: file)) == 0o600)
        #expect(await server.stop() == 0)
        unlink(file)
        mkfifo(file, 0o600)
        let second = try await ServerProcess.start(in: folder, known: server.credentials)
        #expect(second.child.errors.contains("account.env is not a file"))
        #expect(await second.stop() == 0)
      }
    }

    // MARK: - Their lines

    @Test("Settings are read whatever editor wrote them", arguments: ["\n", "\r\n"])
    func lineEnds(end: String) async throws {
      try await TestDatabase.withFolder { folder in
        let lines = [
          "\u{FEFF}# of Windows", "PARLEY_PUBLIC_URL=http://file.example:1", "", "\tPARLEY_DATABASE_URL\t= sqlite:kept.db\t", "# last",
        ]
        for text in [lines.joined(separator: end), lines.joined(separator: end) + end] {
          try Data(text.utf8).write(to: folder.appendingPathComponent("settings"))
          let settings = ServerProcess.settings.merging(["PARLEY_CONFIG": "settings\n", "PARLEY_DATABASE_URL": ""]) { $1 }
          let child = try Child(
            [Command.path, "account", "create", "--name", "x", "--create"], in: folder, settings.filter { !$0.value.isEmpty })
          #expect(await child.end() == 0, "\(child.errors)")
          #expect(FileManager.default.fileExists(atPath: folder.appendingPathComponent("kept.db").path))
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.allSatisfy { $0.utf8.allSatisfy { $0 > 0x20 } })
      }
    }

    @Test(
      "A control character in settings is refused with the number of its line",
      arguments: [
        ("PARLEY_HOST=127.0.0.1\rPARLEY_PORT=0", 1), ("# a\rPARLEY_PORT=0\n", 1), ("\nPARLEY_HOST=a\u{0}b\n", 2),
        ("\n\nPARLEY_HOST=\u{1B}[31m", 3), ("PARLEY_HOST=a\tb", 1), ("PARLEY_HOST=a\u{85}b", 1), ("PARLEY_HOST=a\u{7F}\n", 1),
        ("PARLEY_HOST=a\r\r\n", 1),
      ])
    func controlCharacters(text: String, line: Int) async throws {
      try await TestDatabase.withFolder { folder in
        try Data(text.utf8).write(to: folder.appendingPathComponent("settings"))
        let refused = try await Command.run(["serve", "--config", "settings"], in: folder)
        #expect(refused.status == 64 && refused.errors.contains("line \(line) of settings has a control character"), "\(refused)")
      }
    }

    @Test("Settings that are no UTF-8 are refused with the number of the line; a variable and a flag with a control character by name")
    func otherTexts() async throws {
      try await TestDatabase.withFolder { folder in
        let utf16 = Data([0xFF, 0xFE]) + Data("PARLEY_PORT=0\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
        for bytes in [utf16, Data("PARLEY_HOST=".utf8) + [0xE9, 0x0A]] {
          try bytes.write(to: folder.appendingPathComponent("settings"))
          let refused = try await Command.run(["serve", "--config", "settings"], in: folder)
          #expect(refused.status == 64 && refused.errors.contains("line 1 of settings is not UTF-8"), "\(refused)")
        }
        for value in ["sqlite:a\r.db", "sqlite:a\nb.db", "sqlite:a.db\n\n", "sqlite:\u{1B}c.db"] {
          let variable = try await Command.run(["serve"], in: folder, ["PARLEY_DATABASE_URL": value])
          let flag = try await Command.run(["serve", "--database-url", value], in: folder)
          for refused in [variable, flag] {
            #expect(refused.status == 64 && refused.errors.contains("PARLEY_DATABASE_URL has a control character"), "\(refused)")
          }
        }
        #expect(!(try FileManager.default.contentsOfDirectory(atPath: folder.path)).contains { $0.hasSuffix(".db") })
      }
    }

    @Test("account.env and the key are read with any line ends, and refused with a control character")
    func accountLines() async throws {
      try await TestDatabase.withFolder { folder in
        let first = try await ServerProcess.start(in: folder)
        #expect(await first.stop() == 0)
        let (file, key) = (folder.appendingPathComponent("account.env"), folder.appendingPathComponent("secret.key"))
        let (account, secret) = (try String(contentsOf: file, encoding: .utf8), try String(contentsOf: key, encoding: .utf8))
        try Data(("\u{FEFF}" + account.replacing("\n", with: "\r\n")).utf8).write(to: file)
        try Data(("\u{FEFF}" + secret.replacing("\n", with: "\r\n\r\n")).utf8).write(to: key)
        let second = try await ServerProcess.start(in: folder)
        #expect((second.credentials.user, second.credentials.password) == (first.credentials.user, first.credentials.password))
        #expect(try String(contentsOf: file, encoding: .utf8) == account.replacing(":\(first.port)\n", with: ":\(second.port)\n"))
        // A shell that read the file with its line ends gives them on.
        let listening = try await Command.run(["listen"], in: folder, ["PARLEY_URL": "http://127.0.0.1:\(second.port)\r"])
        #expect(listening.status == 1 && listening.errors.contains("PARLEY_WEBHOOK_ALLOW_PRIVATE=127.0.0.1"), "\(listening)")
        #expect(await second.stop() == 0)
        for wrong in [account.replacing("\n", with: "\r"), account + "PARLEY_URL=\u{1B}[2J\n", "TWILIO_ACCOUNT_SID=a\tb\n"] {
          try Data(wrong.utf8).write(to: file)
          let refused = await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: folder) }
          #expect(refused?.errors.contains("account.env has a control character") == true, "\(refused?.errors ?? "")")
          #expect(try Data(contentsOf: file) == Data(wrong.utf8))
        }
      }
    }

    // MARK: - Parts

    @discardableResult
    private static func makeKey(in folder: URL, name: String = "secret.key", mode: mode_t) -> String {
      let text = Data((0..<32).map { UInt8($0) }).base64EncodedString()
      let file = folder.appendingPathComponent(name)
      try? Data("\(text)\n".utf8).write(to: file)
      chmod(file.path, mode)
      return text
    }
  }
}

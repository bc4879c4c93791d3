import Foundation
import ParleyDomain
import ParleyTesting
import Synchronization
import Testing

extension ServerTests {
  @Suite struct BackupTests {
    @Test("A backup beside a server under load has all that was acknowledged before; a server starts on it with the same key")
    func restore() async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(in: folder)
        let configuration = try await server.makeConfiguration()
        let load = Load(server, configuration)
        let writers = Task { await load.run() }
        try await eventually { load.acknowledged.count >= 30 }

        let before = load.acknowledged
        let backup = try await Command.run(["backup", "--to", "copies/monday.db"], in: folder)
        #expect(backup.status == 0, "\(backup)")
        try await eventually { load.acknowledged.count > before.count }
        load.stop()
        await writers.value
        let copy = folder.appendingPathComponent("copies/monday.db")
        #expect(CommandTests.mode(copy) == 0o600)
        let again = try await Command.run(["backup", "--to", "copies/monday.db"], in: folder)
        #expect(again.status == 1 && again.errors.contains("copies/monday.db"), "\(again)")
        try await server.expect(200, "GET", "/v2/Conversations")
        await server.kill()

        // A restore: the copy and the key, in another place.
        let place = folder.appendingPathComponent("restored")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: copy, to: place.appendingPathComponent("parley.db"))
        await #expect(throws: StartRefused.self) { try await ServerProcess.start(in: place) }
        try FileManager.default.copyItem(at: folder.appendingPathComponent("secret.key"), to: place.appendingPathComponent("secret.key"))
        try FileManager.default.copyItem(at: folder.appendingPathComponent("account.env"), to: place.appendingPathComponent("account.env"))
        let restored = try await ServerProcess.start(in: place)
        #expect(restored.credentials.password == server.credentials.password)
        for (id, document) in before {
          #expect(try await restored.expect(200, "GET", "/v2/Conversations/\(id)").json() == document)
        }
        try await restored.expect(201, "POST", "/v2/Conversations", #"{"configurationId":"\#(configuration)"}"#)
        await restored.kill()
      }
    }

    @Test("A backup that is killed in the middle leaves nothing under its name, and the next one is made", arguments: [72, 100, 200])
    func killed(blocks: Int) async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(in: folder)
        let configuration = try await server.makeConfiguration()
        for _ in 0..<20 { _ = try await server.makeConversation(configuration) }
        #expect(await server.stop() == 0)
        let size = try #require(
          FileManager.default.attributesOfItem(atPath: folder.appendingPathComponent("parley.db").path)[.size] as? Int)
        try #require(size > blocks * 512)
        // The system ends a process with a signal when its file grows beyond the limit.
        let killed = try await Command.shell(
          "ulimit -f \(blocks) && exec '\(Command.path)' backup --to copy.db", in: folder, ServerProcess.settings)
        #expect(killed.status != 0, "\(killed)")
        #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("copy.db").path))
        let again = try await Command.run(["backup", "--to", "copy.db"], in: folder)
        #expect(again.status == 0, "\(again)")
        #expect(CommandTests.mode(folder.appendingPathComponent("copy.db")) == 0o600)
      }
    }
  }
}

/// Conversations made by several at once until they are told to stop.
private final class Load: Sendable {
  private let server: ServerProcess
  private let configuration: String
  private let state = Mutex((acknowledged: [String: JSON](), isStopping: false))

  init(_ server: ServerProcess, _ configuration: String) {
    (self.server, self.configuration) = (server, configuration)
  }

  /// What was answered, by id.
  var acknowledged: [String: JSON] { state.withLock { $0.acknowledged } }

  func stop() { state.withLock { $0.isStopping = true } }

  func run() async {
    await withTaskGroup { group in
      for writer in 0..<4 { group.addTask { await self.write(writer) } }
    }
  }

  private func write(_ writer: Int) async {
    do {
      try await Wire.with(port: server.port) { wire in
        var number = 0
        while !state.withLock({ $0.isStopping }) {
          let participants = [Bodies.participant("\(writer)-\(number)", type: "CUSTOMER"), Bodies.participant("\(writer)-\(number)-agent")]
          let body = #"{"configurationId":"\#(configuration)","participants":[\#(participants.joined(separator: ","))]}"#
          let answer = try await server.send("POST", "/v2/Conversations", body, on: wire)
          let (id, document) = (try answer.string("id"), try answer.json())
          state.withLock { $0.acknowledged[id] = document }
          number += 1
        }
      }
    } catch {
      Issue.record(error)
    }
  }
}

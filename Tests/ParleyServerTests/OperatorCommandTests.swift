import Foundation
import ParleyDomain
import ParleyTesting
import Testing

extension ServerTests {
  /// `parley delivery`, `parley listener` and `parley webhook`, without a server and beside one.
  @Suite struct OperatorCommandTests {
    @Test("Without a server a delivery is dropped and a listener ended; the next server sends nothing of it", arguments: TestDatabase.kinds)
    func withoutServer(kind: TestDatabase.Kind) async throws {
      try await TestReceiver.with(always: .status(500)) { receiver in
        try await Self.withPlace(kind) { folder, settings in
          let server = try await ServerProcess.start(in: folder, settings)
          let account = server.credentials.user
          _ = try await server.makeConversation(HookLoad.configuration(receiver.url, on: server))
          let made = try await server.expect(201, "POST", "/parley/v1/Listeners", #"{"url":"\#(receiver.url)?","expiresInSeconds":3600}"#)
          let listener = try made.string("id")
          try await receiver.requests(count: 1)
          #expect(await server.stop() == 0)
          let before = receiver.received.count

          let listed = try await Command.run(["delivery", "list", "--state", "PENDING", "--json"], in: folder, settings).objects()
          let delivery = try #require(listed.first).text("id")
          #expect(listed.count == 1 && listed[0]["accountSid"] == .string(account) && listed[0]["url"] == .string(receiver.url))
          let line = try await Command.run(["delivery", "list", "--account", account, "--url", receiver.url], in: folder, settings)
          #expect(line.output.hasPrefix("\(delivery)\t\(account)\tPENDING\t"), "\(line)")
          #expect(line.output.hasSuffix("\tPOST\t\(receiver.url)\n"), "\(line)")
          let dropped = try await Command.run(["delivery", "drop", delivery], in: folder, settings)
          #expect(dropped.status == 0 && dropped.output == "dropped: 1\n", "\(dropped)")
          let again = try await Command.run(["delivery", "drop", delivery, "--json"], in: folder, settings)
          #expect(again.status == 1 && again.output == "{\"dropped\":0}\n" && again.errors.contains(delivery), "\(again)")

          let listeners = try await Command.run(["listener", "list", "--json"], in: folder, settings).objects()
          #expect(try listeners.map { try $0.text("id") } == [listener] && listeners[0]["keySid"] == .null)
          #expect(try await Command.run(["listener", "end", listener], in: folder, settings).output == "ended: \(listener)\n")
          #expect(try await Command.run(["listener", "end", listener], in: folder, settings).status == 1)
          #expect(try await Command.run(["listener", "list"], in: folder, settings).output.isEmpty)

          receiver.become { _, _ in .status(200) }
          let next = try await ServerProcess.start(in: folder, settings)
          try await next.expect(404, "GET", "/parley/v1/Listeners/\(listener)")
          #expect(try await HookLoad.waiting(on: next) == 0)
          let state = try await next.expect(200, "GET", "/parley/v1/Deliveries/\(delivery)").string("state")
          #expect(state == "FAILED" && receiver.received.count == before)
          try await next.expect(202, "POST", "/parley/v1/Deliveries/\(delivery)/Resend")
          try await receiver.requests(count: before + 1)
          await next.kill()
        }
      }
    }

    @Test("Beside a server an account is paused and resumed, and what waits for a URL is dropped", arguments: TestDatabase.kinds)
    func besideServer(kind: TestDatabase.Kind) async throws {
      try await TestReceiver.with(always: .status(200)) { receiver in
        try await Self.withPlace(kind) { folder, settings in
          let server = try await ServerProcess.start(in: folder, settings)
          let account = server.credentials.user
          let configuration = try await HookLoad.configuration(receiver.url, on: server)
          let pause = ["webhook", "pause", "--account", account, "--json"]
          let paused = try await Command.run(pause, in: folder, settings).object()
          #expect(paused["url"] == .string("*"))
          #expect(try await Command.run(pause, in: folder, settings).object()["id"] == paused["id"])
          let shown = try await server.expect(200, "GET", "/parley/v1/Pauses")
          #expect(try shown.string("pauses[0].url") == "*")
          _ = try await server.makeConversation(configuration)
          let one = try await Command.run(["webhook", "pause", "--account", account, "--url", receiver.url], in: folder, settings)
          #expect(one.status == 0 && one.output.contains("url: \(receiver.url)\n"), "\(one)")
          #expect(try await Command.run(["webhook", "resume", "--account", account], in: folder, settings).output.contains("url: *\n"))
          #expect(try await HookLoad.waiting(on: server) == 1)
          let drop = try await Command.run(["delivery", "drop", "--url", receiver.url, "--account", account], in: folder, settings)
          #expect(drop.output == "dropped: 1\n", "\(drop)")
          _ = try await server.makeConversation(configuration)
          #expect(try await HookLoad.waiting(on: server) == 1 && receiver.connections == 0)
          let resume = ["webhook", "resume", "--account", account, "--url", receiver.url]
          #expect(try await Command.run(resume, in: folder, settings).status == 0)
          try await receiver.requests(count: 1)
          let missing = try await Command.run(resume, in: folder, settings)
          #expect(missing.status == 1 && missing.errors.contains(receiver.url), "\(missing)")
          await server.kill()
        }
      }
    }

    @Test("delivery drop takes 1,000 ids at a time; more are refused at once, with what to do", arguments: [1000, 1001, 20_000])
    func manyIds(count: Int) async throws {
      try await ServerProcess.with { _, folder in
        // By a shell, as an argument list: so many fit.
        let line = "exec '\(Command.path)' delivery drop $(yes parley_delivery_01kdq7q8f1k6j4dbt0xs9wzm3v | head -n \(count))"
        let dropped = try await Command.shell(line, in: folder, ServerProcess.settings)
        if count <= 1000 {
          #expect(dropped.status == 1 && dropped.errors.contains("not waiting"), "\(dropped.status)")
        } else {
          #expect(dropped.status == 64 && dropped.errors.contains("1,000 ids") && dropped.errors.contains("--url"), "\(dropped)")
        }
      }
    }

    @Test("Control characters of an argument are escaped", arguments: ["\u{1B}[31m", "\u{7F}", "\u{85}", "a\nb"])
    func escaped(text: String) async throws {
      try await TestDatabase.withFolder { folder in
        for command in [["delivery", "drop", text], ["delivery", "drop", "--conversation", text], ["listener", "end", text]] {
          let refused = try await Command.run(command, in: folder)
          #expect(refused.status == 64 && !refused.errors.contains(text), "\(refused)")
        }
      }
    }

    private static func withPlace(_ kind: TestDatabase.Kind, _ test: (URL, [String: String]) async throws -> Void) async throws {
      try await TestDatabase.withFolder { folder in
        guard kind == .postgres else { return try await test(folder, HookLoad.settings) }
        let place = try TestCluster.get().makePlace()
        try await test(folder, NodeCluster.settings(place).merging(HookLoad.settings) { $1 })
        try TestCluster.get().drop(place)
      }
    }
  }
}

extension Finished {
  /// What was printed, as a list of JSON objects.
  fileprivate func objects() throws -> [JSON.Object] {
    guard status == 0, case .array(let elements) = try JSON.parse(Array(output.utf8)) else { throw WireFailure("no list: \(self)") }
    return elements.compactMap(\.object)
  }
}

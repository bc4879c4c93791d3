import Foundation
import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

extension ServerTests {
  /// `parley listen` beside a server.
  @Suite struct ListenTests {
    @Test("Events are printed with what their signature is worth and sent on, signed for where they go; at the end the listener is gone")
    func listen() async throws {
      try await TestReceiver.with(always: .status(202)) { application in
        try await TestDatabase.withFolder { folder in
          let server = try await ServerProcess.start(in: folder, HookLoad.settings)
          let listening = try Child(
            [Command.path, "listen", "--forward-to", application.url + "?a=1", "--json"], in: folder, ServerProcess.settings)
          try await eventually { try await Self.listeners(on: server) == 1 }
          let conversation = try await server.makeConversation(server.makeConfiguration())
          let request = try await application.requests(count: 1)[0]
          #expect(request.conversation == conversation)
          let url = "http://127.0.0.1:\(application.port)\(request.target)"
          #expect(
            WebhookSignature.isValid(
              request["X-Twilio-Signature"] ?? "", url: url, body: request.body, token: server.credentials.password))
          #expect(request["I-Twilio-Idempotency-Token"] != nil && request["Authorization"] == nil)
          var printed = ""
          for await part in listening.output {
            printed += part
            if printed.hasSuffix("\n") { break }
          }
          let line = try #require(JSON.parse(Array(printed.utf8)).object)
          #expect(line["signatureValid"] == .bool(true) && line["event"]?.object?["data"]?.object?["id"]?.string == conversation)
          // What has no signature of ours gets none either.
          let listeners = try await server.expect(200, "GET", "/parley/v1/Listeners").text
          let port = try #require(listeners.firstMatch(of: /127\.0\.0\.1:(\d+)/).flatMap { Int($0.1) })
          let forged = WireRequest("POST", "/", #"{"eventType":"FORGED"}"#, headers: [("Host", "127.0.0.1:\(port)")])
          let answer = try await Wire.with(port: port) { wire in
            try await wire.send(forged.bytes)
            return try await wire.receive()
          }
          #expect(answer.status == 403 && application.received.count == 1)
          listening.signal(SIGINT)
          #expect(await listening.end() == 0, "\(listening.errors)")
          #expect(try await Self.listeners(on: server) == 0)
          await server.kill()
        }
      }
    }

    @Test("A server that may not call this machine is said to need the setting, and a wrong token is said")
    func refused() async throws {
      try await ServerProcess.with { _, folder in
        let private_ = try await Command.run(["listen", "--forward-to", "http://127.0.0.1:9/"], in: folder)
        #expect(private_.status == 1 && private_.errors.contains("PARLEY_WEBHOOK_ALLOW_PRIVATE=true"), "\(private_)")
        let wrong = try await Command.run(["listen"], in: folder, ["TWILIO_AUTH_TOKEN": "0123456789abcdef"])
        #expect(wrong.status == 1 && wrong.errors.contains("401"), "\(wrong)")
        let usage = try await Command.run(["listen", "--forward-to", "ftp://a"], in: folder)
        #expect(usage.status == 64)
      }
    }

    private static func listeners(on server: ServerProcess) async throws -> Int {
      let page = try await server.expect(200, "GET", "/parley/v1/Listeners")
      guard case .array(let listeners) = try page.value("listeners") else { throw WireFailure("no list") }
      return listeners.count
    }
  }
}

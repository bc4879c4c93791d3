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
          let server = try await ServerProcess.start(in: folder, ["PARLEY_WEBHOOK_ALLOW_PRIVATE": "127.0.0.1"])
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

    @Test(
      "Of what is not signed, or not rightly, only kind, size and type are shown, and no character of it is obeyed",
      arguments: [
        (nil, "not signed"), ("AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "signature does not match"), ("", "signature does not match"),
      ] as [(String?, String)])
    func unsigned(signature: String?, problem: String) async throws {
      let body = "{\"eventType\":\"\u{1B}[2JFORGED\u{9B}\u{202E}\"}\n2026-01-01T00:00:00Z  FORGED  signature valid"
      for json in [false, true] {
        try await TestDatabase.withFolder { folder in
          let server = try await ServerProcess.start(in: folder, HookLoad.settings)
          let listening = try Child(
            [Command.path, "listen"] + (json ? ["--json"] : []), in: folder, ServerProcess.settings)
          try await eventually { try await Self.listeners(on: server) == 1 }
          let listeners = try await server.expect(200, "GET", "/parley/v1/Listeners").text
          let port = try #require(listeners.firstMatch(of: /127\.0\.0\.1:(\d+)/).flatMap { Int($0.1) })
          var headers = [("Host", "127.0.0.1:\(port)"), ("Content-Type", "text/\u{202E}x")]
          if let signature { headers.append(("X-Twilio-Signature", signature)) }
          let forged = WireRequest("POST", "/", body, headers: headers)
          let answer = try await Wire.with(port: port) { wire in
            try await wire.send(forged.bytes)
            return try await wire.receive()
          }
          #expect(answer.status == 403)
          listening.signal(SIGINT)
          var printed = ""
          for await part in listening.output { printed += part }
          #expect(await listening.end() == 0, "\(listening.errors)")
          #expect(printed.contains(problem) && printed.contains("\(body.utf8.count)") && !printed.contains("FORGED"), "\(printed)")
          #expect(printed.split(separator: "\n").count == 1 && !String(printed.dropLast()).isUnsafeOnTerminals, "\(printed)")
          if json { #expect(try JSON.parse(Array(printed.utf8)).object?["event"] == .null) }
          await server.kill()
        }
      }
    }

    @Test(
      "A signed event is shown on its lines, whatever characters a client put into it; the URL to send on to may come from standard input")
    func shownEvent() async throws {
      try await TestReceiver.with(always: .status(202)) { application in
        try await TestDatabase.withFolder { folder in
          let server = try await ServerProcess.start(in: folder, HookLoad.settings)
          let url = application.url.replacing("http://", with: "http://me:word@")
          // The shell becomes the command, so that a signal reaches it.
          let line = "printf '\(url)\\r\\n' > url && exec '\(Command.path)' listen --forward-to-stdin < url"
          let listening = try Child(["/bin/sh", "-c", line], in: folder, ServerProcess.settings)
          try await eventually { try await Self.listeners(on: server) == 1 }
          let name = "\u{7F}\u{9B}2J\u{202E}\u{2028}Ann"
          _ = try await server.expect(
            201, "POST", "/v2/Conversations", #"{"name":"\#(name)","configurationId":"\#(server.makeConfiguration())"}"#)
          let request = try await application.requests(count: 1)[0]
          #expect(request["Authorization"] == "Basic bWU6d29yZA==")
          var printed = ""
          for await part in listening.output {
            printed += part
            if printed.split(separator: "\n").count == 2, printed.hasSuffix("\n") { break }
          }
          #expect(printed.contains(#"\u007f\u009b2J\u202e\u2028Ann"#), "\(printed)")
          #expect(printed.split(separator: "\n").allSatisfy { !String($0).isUnsafeOnTerminals }, "\(printed)")
          listening.signal(SIGINT)
          #expect(await listening.end() == 0, "\(listening.errors)")
          await server.kill()
        }
      }
    }

    @Test("A server that may not call this machine is said to need the setting, and a wrong token is said")
    func refused() async throws {
      try await ServerProcess.with { _, folder in
        let private_ = try await Command.run(["listen", "--forward-to", "http://127.0.0.1:9/"], in: folder)
        #expect(private_.status == 1 && private_.errors.contains("PARLEY_WEBHOOK_ALLOW_PRIVATE=127.0.0.1"), "\(private_)")
        let wrong = try await Command.run(["listen"], in: folder, ["TWILIO_AUTH_TOKEN": "0123456789abcdef"])
        #expect(wrong.status == 1 && wrong.errors.contains("401"), "\(wrong)")
        let usage = try await Command.run(["listen", "--forward-to", "ftp://a"], in: folder)
        #expect(usage.status == 64)
      }
    }

    @Test("When the account's token is replaced, the command goes on with the one in account.env; empty variables count as none")
    func rotated() async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(in: folder, HookLoad.settings)
        let empty = ["TWILIO_ACCOUNT_SID": "", "TWILIO_AUTH_TOKEN": "", "PARLEY_URL": "\n"]
        let listening = try Child(
          [Command.path, "listen", "--json", "--renew-seconds", "1"], in: folder, ServerProcess.settings.merging(empty) { $1 })
        try await eventually { try await Self.listeners(on: server) == 1 }
        #expect(try await Command.run(["account", "rotate-token", server.credentials.user], in: folder).status == 0)
        let token = try AccountEnvironment(folder.appendingPathComponent("account.env")).token
        let credentials = Credentials(user: server.credentials.user, password: token)
        #expect(token != server.credentials.password)
        // The old token signs in for some seconds; a listener that is made with it has ended before it begins.
        try await eventually { try await Self.listeners(on: server, as: credentials) == 1 }
        let configuration = try await server.send("POST", "/v2/ControlPlane/Configurations", Bodies.configuration, as: credentials)
        let body = try #"{"configurationId":"\#(configuration.string("related.configurationId"))"}"#
        #expect(try await server.send("POST", "/v2/Conversations", body, as: credentials).status == 201)
        var printed = ""
        for await part in listening.output {
          printed += part
          if printed.hasSuffix("\n") { break }
        }
        #expect(try JSON.parse(Array(printed.utf8)).object?["signatureValid"] == .bool(true), "\(printed)")
        listening.signal(SIGINT)
        #expect(await listening.end() == 0, "\(listening.errors)")
        await server.kill()
      }
    }

    @Test("Without another one, a token or key that signs in no more ends the command", arguments: ["token", "key", "account"])
    func signedOut(_ what: String) async throws {
      try await TestDatabase.withFolder { folder in
        let server = try await ServerProcess.start(in: folder, HookLoad.settings)
        let account = server.credentials.user
        var access = ["TWILIO_AUTH_TOKEN": server.credentials.password]
        var end = ["account", "disable", account]
        switch what {
        case "token": end = ["account", "rotate-token", account]
        case "key":
          let made = try await Command.run(["key", "create", "--account", account, "--json"], in: folder)
          let key = try #require(JSON.parse(Array(made.output.utf8)).object)
          let sid = try #require(key["keySid"]?.string, "\(made)")
          access = try ["TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": #require(key["secret"]?.string, "\(made)")]
          end = ["key", "revoke", sid]
        default: break
        }
        let listening = try Child(
          [Command.path, "listen", "--renew-seconds", "1"], in: folder, ServerProcess.settings.merging(access) { $1 })
        try await eventually { try await Self.listeners(on: server) == 1 }
        let ended = try await Command.run(end, in: folder)
        #expect(ended.status == 0, "\(ended)")
        #expect(await listening.end() == 1)
        #expect(listening.errors.contains("answered 401 to"), "\(listening.errors)")
        await server.kill()
      }
    }

    @Test(
      "What a renewal is answered: 401 and 403 end the command, 404 makes it register again, it asks again after others",
      arguments: [401, 403, 404, 500])
    func renewal(_ status: Int) async throws {
      try await TestReceiver.with({ request, _ in
        request.method == "PUT" ? .status(status) : .status(201, body: #"{"id":"one"}"#)
      }) { server in
        try await TestDatabase.withFolder { folder in
          // A slash at the end is no part of the URL.
          let access = [
            "TWILIO_ACCOUNT_SID": "AC0", "TWILIO_AUTH_TOKEN": "t", "PARLEY_URL": "http://127.0.0.1:\(server.port)/",
          ]
          let listening = try Child(
            [Command.path, "listen", "--renew-seconds", "1"], in: folder, ServerProcess.settings.merging(access) { $1 })
          if status < 404 {
            #expect(await listening.end() == 1)
            #expect(listening.errors.contains("answered \(status) to AC0"), "\(listening.errors)")
          } else {
            let (method, count) = status == 404 ? ("POST", 2) : ("PUT", 2)
            try await server.requests { $0.filter { $0.method == method }.count == count }
            listening.signal(SIGINT)
            #expect(await listening.end() == 0, "\(listening.errors)")
          }
          #expect(server.received.first?.target == "/parley/v1/Listeners")
        }
      }
    }

    private static func listeners(on server: ServerProcess, as credentials: Credentials? = nil) async throws -> Int {
      let page = try await server.send("GET", "/parley/v1/Listeners", as: credentials)
      guard case .array(let listeners) = try page.value("listeners") else { throw WireFailure("no list") }
      return listeners.count
    }
  }
}

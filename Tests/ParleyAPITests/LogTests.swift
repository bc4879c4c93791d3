import Foundation
import HTTPTypes
import Logging
import ParleyDomain
import ParleyEngine
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("The log")
struct LogTests {
  /// Requests whose every text must not be in the log.
  private static func talk(with server: TestServer) async throws -> (ids: [String?], secrets: [String]) {
    let (key, secret) = try await server.engine.accounts.createKey(of: server.caller.account, name: "KeyName")
    let conversation = try await server.conversation()
    let target = "/v2/Conversations/\(conversation)/Participants"
    var ids: [String?] = []
    func send(_ request: WireRequest, as caller: Caller?) async throws {
      ids.append(try await server.send(request, as: caller)["Twilio-Request-Id"])
    }
    let body = #"{"name":"Ada Lovelace","addresses":[{"channel":"SMS","address":"+14155550100","channelId":"SMsecretthread"}]}"#
    try await send(WireRequest("POST", target, body), as: server.caller)
    try await send(WireRequest("POST", target, body), as: server.caller)
    try await send(WireRequest("POST", target, #"{"name":["Ada Lovelace"]}"#), as: server.caller)
    try await send(WireRequest("GET", "/v2/Conversations?channelId=SMsecretthread"), as: server.caller)
    try await send(WireRequest("GET", "/v2/Nothing/hidden%0Apath"), as: server.caller)
    try await send(
      WireRequest("GET", "/v2/Conversations", headers: [("Authorization", Caller.authorization(key.id.text, secret))], body: nil), as: nil)
    try await send(
      WireRequest("GET", "/v2/Conversations", headers: [("Authorization", Caller.authorization("nobody", "wrongpassword"))], body: nil),
      as: nil)
    try await send(WireRequest("GET", "/health", headers: [("User-Agent", "spy")], body: nil), as: nil)
    return (
      ids,
      [
        "Ada", "14155550100", "SMsecretthread", "hidden", conversation, secret, server.caller.token, "KeyName", "wrongpassword", "nobody",
        "spy",
        String(server.caller.authorization.dropFirst(6)),
      ]
    )
  }

  @Test("B-HDR-3: one line a request, with its id, account, route and status; no body, no address, no secret in it")
  func requests() async throws {
    try await TestServer.with { server in
      let (ids, secrets) = try await Self.talk(with: server)
      let log = try await server.logAfterStop()
      for secret in secrets { #expect(!log.contains(secret), "\(secret)") }

      let lines = try log.split(separator: "\n").map { try #require(JSON.parse(Array($0.utf8)).object) }
      // Two came before: a configuration and a conversation.
      #expect(lines.count == ids.count + 2)
      // A line may be written after the next request's: it comes behind the answer.
      let byID = Dictionary(grouping: lines) { $0["requestId"]?.string }
      #expect(byID.count == lines.count)
      let names = ["time", "level", "message", "requestId", "account", "method", "route", "status", "milliseconds"]
      for line in lines { #expect(line.members.map(\.name) == names) }
      let account = server.caller.account.text
      let path = "/v2/Conversations/{ConversationSid}/Participants"
      let expected: [(String, String, String, Int64)] = [
        (account, "POST", path, 201), (account, "POST", path, 409), (account, "POST", path, 400),
        (account, "GET", "/v2/Conversations", 200),
        (account, "GET", "none", 404), (account, "GET", "/v2/Conversations", 200), ("-", "GET", "/v2/Conversations", 401),
        ("-", "GET", "/health", 200),
      ]
      for (id, expected) in zip(ids, expected) {
        let line = try #require(byID[id]?.first)
        #expect(line["account"]?.string == expected.0)
        #expect(line["method"]?.string == expected.1)
        #expect(line["route"]?.string == expected.2)
        #expect(line["status"] == .number(.init(text: "\(expected.3)")))
        #expect(line["level"]?.string == "info")
        #expect(line["time"]?.string == "2026-01-02T03:04:05.000Z")
      }
    }
  }

  @Test("the text form has the same in one line")
  func text() async throws {
    try await TestServer.with(logFormat: .text) { server in
      let (ids, secrets) = try await Self.talk(with: server)
      let log = try await server.logAfterStop()
      for secret in secrets { #expect(!log.contains(secret), "\(secret)") }
      let lines = log.split(separator: "\n")
      #expect(lines.count == ids.count + 2)
      for line in lines {
        #expect(line.hasPrefix("2026-01-02T03:04:05.000Z info request "))
        let fields = line.split(separator: " ").dropFirst(3).joined(separator: " ")
        let form = /requestId=RQ[0-9a-f]{32} account=\S+ method=[A-Z]+ route=\S+ status=\d{3} milliseconds=\d+\.\d{3}/
        #expect(fields.wholeMatch(of: form) != nil, "\(line)")
      }
    }
  }

  @Test("an error of the server is told with its cause, which the caller does not get")
  func cause() async throws {
    try await TestServer.with { server in
      await server.loseDatabase()
      let answer = try await server.send("GET", "/v2/Conversations")
      #expect(answer.status == 503)
      let log = try await server.logAfterStop()
      let line = try #require(JSON.parse(Array(log.utf8)).object)
      #expect(line["level"]?.string == "error")
      let cause = try #require(line["cause"]?.string)
      #expect(!cause.isEmpty && !answer.text.contains(cause))
    }
  }

  @Test("no text breaks a line, in either form", arguments: LogSink.Format.allCases)
  func lineBreaks(_ format: LogSink.Format) throws {
    let log = try Self.written(format, level: .info) { sink in
      var logger = Logger(label: "part") { SinkLogHandler(sink, label: $0, level: .info, now: { TestClock.start }) }
      logger[metadataKey: "kept"] = "a\nb"
      logger.info("one\r\ntwo\u{0}\u{85}three\u{202E}four\u{2028}", metadata: ["given": "\u{1B}[31m"])
      logger.debug("too quiet")
    }
    #expect(log.hasSuffix("\n"))
    #expect(!String(log.dropLast()).isUnsafeOnTerminals)
    #expect(log.contains("one") && log.contains("three") && log.contains("part") && log.contains("kept") && log.contains("given"))
    #expect(!log.contains("quiet"))
    guard format == .json else { return }
    let line = try #require(JSON.parse(Array(log.utf8)).object)
    #expect(line["kept"]?.string == "a\nb")
    #expect(line["message"]?.string?.isSame(as: "one\r\ntwo\u{0}\u{85}three\u{202E}four\u{2028}") == true)
  }

  @Test("the level keeps requests out, errors of the server never below it")
  func level() throws {
    let log = try Self.written(.json, level: .error) { sink in
      for status in [200, 404, 503] {
        sink.request(
          id: RequestID(), account: nil, method: .get, template: "none", status: status, microseconds: 1234, cause: nil, at: TestClock.start
        )
      }
    }
    #expect(log.split(separator: "\n").count == 1)
    #expect(log.contains(#""status":503"#))
    #expect(log.contains(#""milliseconds":1.234"#))
  }

  /// What a sink writes of what `log` gives it.
  private static func written(_ format: LogSink.Format, level: Logger.Level, _ log: (LogSink) -> Void) throws -> String {
    let pipe = Pipe()
    let sink = LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor, format: format, level: level, closing: .seconds(60))
    log(sink)
    sink.close()
    try pipe.fileHandleForWriting.close()
    return String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  }
}

import HTTPTypes
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("B-HTTP-11: bodies that are encoded")
struct EncodedBodyTests {
  private static let target = "/v2/Conversations"
  private static let json = ("Content-Type", "application/json")
  /// `{}` as gzip makes it.
  private static let zipped: [UInt8] = [
    0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xAB, 0xAE, 5, 0, 0x43, 0xBF, 0xA6, 0xA3, 2, 0, 0, 0,
  ]

  @Test(
    "an encoding other than identity is 415 and named, whether the body is encoded or plain",
    arguments: [
      ["gzip"], ["GZIP"], ["x-gzip"], ["br"], ["deflate"], ["identity, gzip"], ["gzip,identity"], ["identity", "gzip"], ["identity;q=1"],
      ["*"], ["\"identity\""], ["identity\tgzip"],
    ])
  func refused(_ values: [String]) async throws {
    try await TestServer.with { server in
      for body in [Self.zipped, Array("{}".utf8)] {
        let headers = [Self.json] + values.map { ("Content-Encoding", $0) }
        let answer = try await server.send(WireRequest("POST", Self.target, headers: headers, body: body), as: server.caller)
        #expect(answer.status == 415)
        #expect(try answer.value("code") == .number(.init(text: "20422")))
        #expect(try answer.string("message").contains("Content-Encoding"))
      }
    }
  }

  @Test(
    "identity, in any case and as often as it comes, and an empty list are no encoding",
    arguments: ["identity", "Identity", "identity, IDENTITY", "", " , "])
  func accepted(_ value: String) async throws {
    try await TestServer.with { server in
      let request = WireRequest("POST", Self.target, "{}", headers: [("Content-Encoding", value)])
      let answer = try await server.send(request, as: server.caller)
      #expect(answer.status == 400)
      #expect(try answer.string("message").contains("configurationId"))
    }
  }

  @Test("every method that takes a body refuses an encoded one, also where the body is not looked at")
  func methods() async throws {
    try await Talk.recorded("refused-415-encoding") { talk in
      for route in talk.server.api.routes() where route.takesBody {
        let target = route.template.replacing(/\{[A-Za-z]+\}/, with: "conv_participant_00000000000000000000000009")
        let encoded = WireRequest(
          route.method.rawValue, target, headers: [Self.json, ("Content-Encoding", "gzip")], body: Array("{}".utf8))
        try await talk.say("\(route.method) \(route.template)", encoded, as: talk.server.caller)
      }
    }
  }

  @Test("B-HTTP-1: where there is no body, or where it is ignored, the header says nothing")
  func withoutBody() async throws {
    try await TestServer.with { server in
      let gzip = ("Content-Encoding", "gzip")
      for (request, status) in [
        (WireRequest("GET", Self.target, headers: [gzip], body: nil), 200),
        (WireRequest("HEAD", Self.target, headers: [gzip], body: nil), 200),
        (WireRequest("GET", Self.target, headers: [gzip], body: Self.zipped), 200),
        (WireRequest("DELETE", "/parley/v1/Pauses/parley_pause_00000000000000000000000009", headers: [gzip], body: nil), 404),
        (WireRequest("POST", Self.target, headers: [gzip], body: nil), 400),
        (WireRequest("POST", Self.target, headers: [gzip, ("Content-Length", "0")], body: nil), 400),
        (WireRequest("POST", Self.target, headers: [gzip, ("Transfer-Encoding", "chunked")], body: Array("0\r\n\r\n".utf8)), 400),
      ] {
        let answer = try await server.send(request, as: server.caller)
        #expect(answer.status == status, "\(request.method)")
      }
    }
  }

  @Test("the body stays unread: who asks first is not told to go on, and one of chunks without end is refused at its first")
  func unread() async throws {
    try await TestServer.with { server in
      let head = [Self.json, ("Content-Encoding", "gzip")]
      for length in [("Content-Length", "2"), ("Transfer-Encoding", "chunked")] {
        let asking = WireRequest("POST", Self.target, headers: head + [length, ("Expect", "100-continue")], body: [])
        let answer = try await server.send(asking, as: server.caller)
        #expect(answer.status == 415)
      }
      let begun = WireRequest("POST", Self.target, headers: head + [("Transfer-Encoding", "chunked")], body: Array("1\r\nx\r\n".utf8))
      let begunAnswer = try await server.send(begun, as: server.caller)
      #expect(begunAnswer.status == 415)
      let form = WireRequest(
        "POST", Self.target, headers: [("Content-Type", "text/plain"), ("Transfer-Encoding", "chunked")], body: Array("1\r\nx\r\n".utf8))
      let formAnswer = try await server.send(form, as: server.caller)
      #expect(formAnswer.status == 415)
    }
  }

  @Test("the connection goes on after a small one")
  func goesOn() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for _ in 0..<3 {
          let encoded = WireRequest("POST", Self.target, headers: [Self.json, ("Content-Encoding", "gzip")], body: Self.zipped)
          try await wire.send(server.signed(encoded, as: server.caller).bytes)
          #expect(try await wire.receive().status == 415)
        }
        try await wire.send(server.signed(WireRequest("GET", Self.target), as: server.caller).bytes)
        #expect(try await wire.receive().status == 200)
      }
    }
  }

  @Test("a transfer coding beside chunked is 415 and named", arguments: ["gzip, chunked", "deflate,chunked", "GZIP , Chunked"])
  func transferCoding(_ value: String) async throws {
    try await TestServer.with { server in
      let request = WireRequest(
        "POST", Self.target, headers: [Self.json, ("Transfer-Encoding", value)], body: Array("2\r\n{}\r\n0\r\n\r\n".utf8))
      let answer = try await server.send(request, as: server.caller)
      #expect(answer.status == 415)
      #expect(try answer.string("message").contains("Transfer-Encoding"))
    }
  }
}

import ParleyTesting
import Testing

@Suite("Pauses over HTTP, as exchanges")
struct PauseHandlerTests {
  private static let target = "/parley/v1/Pauses"

  @Test("a URL is paused and resumed, and its deliveries say so")
  func life() async throws {
    try await Talk.recorded("pause") { talk in
      let server = talk.server
      let configuration = try await server.configuration(calling: TestServer.hook)
      _ = try await server.conversation(of: configuration)
      let made = try await talk.say("Paused", "POST", Self.target, #"{"url":"\#(TestServer.hook)"}"#)
      let id = try made.string("id")
      server.clock.advance(milliseconds: 1250)
      try await talk.say("Paused already", "POST", Self.target, #"{"url":"\#(TestServer.hook)"}"#)
      try await talk.say("A URL that could not be a callback now", "POST", Self.target, #"{"url":"http://localhost:3000/hook"}"#)
      try await talk.say("One", "GET", "\(Self.target)/\(id)")
      let one = try await talk.say("The list, newest first", "GET", "\(Self.target)?pageSize=1")
      try await talk.say("Its next page", "GET", "\(Self.target)?pageSize=1&pageToken=\(one.string("meta.nextToken"))")
      _ = try await server.conversation(of: configuration)
      try await talk.say("What waits, and what comes, is paused", "GET", "/parley/v1/Deliveries")
      try await talk.say("Resumed", "DELETE", "\(Self.target)/\(id)")
      try await talk.say("Resumed already", "DELETE", "\(Self.target)/\(id)")
      try await talk.say("Gone", "GET", "\(Self.target)/\(id)")
      try await talk.say("What waits is not paused", "GET", "/parley/v1/Deliveries?pageSize=1")
    }
  }

  @Test("what a pause is refused for")
  func refused() async throws {
    try await Talk.recorded("pause-refused") { talk in
      try await talk.say("No body", "POST", Self.target)
      try await talk.say("No object", "POST", Self.target, "[]")
      try await talk.say("Without a URL", "POST", Self.target, "{}")
      try await talk.say("A URL of no characters", "POST", Self.target, #"{"url":""}"#)
      try await talk.say("With control characters", "POST", Self.target, #"{"url":"https://hooks.example.com/\u0007"}"#)
      try await talk.say("A page of no size with a token of nobody", "GET", "\(Self.target)?pageSize=0&pageToken=abc")
      try await talk.say("No such pause", "GET", "\(Self.target)/parley_pause_00000000000000000000000009")
    }
  }
}

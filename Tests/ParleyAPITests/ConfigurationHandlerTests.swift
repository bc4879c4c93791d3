import ParleyTesting
import Testing

@Suite("Configurations and operations over HTTP, as exchanges")
struct ConfigurationHandlerTests {
  private static let target = "/v2/ControlPlane/Configurations"
  private static let key = "5F0C9A52-7f43-4c1e-9a9e-2d1b8a6c4e10"
  private static let plain = #"""
    {"displayName":"Support","description":"Calls","conversationGroupingType":"GROUP_BY_PROFILE",
     "memoryStoreId":"mem_store_00000000000000000000000001"}
    """#

  @Test("B-OP-1…3, B-CFG-1…7, B-CFG-15, B-RULE-1…4: a configuration is made by an operation, and both can be looked at")
  func create() async throws {
    try await Talk.recorded("configuration-create") { talk in
      let accepted = try await talk.say("The least there is to say", "POST", Self.target, Self.plain)
      try await talk.say("Its operation", "GET", "/v2/ControlPlane/Operations/\(accepted["Operation-Id"] ?? "")")
      try await talk.say("The configuration, all defaults shown", "GET", "\(Self.target)/\(accepted.string("related.configurationId"))")
      let full = try await talk.say(
        "All that can be said", "POST", Self.target,
        #"""
        {"displayName":"Sales - 2_","description":"","conversationGroupingType":"GROUP_BY_PARTICIPANT_ADDRESSES_AND_CHANNEL_TYPE",
         "memoryStoreId":"mem_service_00000000000000000000000002","memoryExtractionEnabled":true,"intelligenceConfigurationIds":["GA1"],
         "channelSettings":{"VOICE":{"statusTimeouts":null,
           "captureRules":[{"from":"+14155550111","to":"*","metadata":{"callType":"PSTN"}}]},
          "CHAT":{"captureRules":[{"from":"*","to":"*"}]},"SMS":{"statusTimeouts":{"inactive":10,"closed":30}},"EMAIL":{}},
         "statusCallbacks":[{"url":"https://example.org/a"},{"url":"https://example.org/b","method":"GET"}],
         "conversationsV1Bridge":{"serviceId":"IS0123456789abcdef0123456789abcdef"}}
        """#)
      try await talk.say("The configuration", "GET", "\(Self.target)/\(full.string("related.configurationId"))")
    }
  }

  @Test("B-CFG-1…6, B-HOOK-10, B-HOOK-20, B-OP-4, B-RULE-1: what a new configuration is refused for")
  func refused() async throws {
    try await Talk.recorded("configuration-create-refused") { talk in
      try await talk.say("Nothing said", "POST", Self.target, "{}")
      try await talk.say("No body", WireRequest("POST", Self.target, body: nil), as: talk.server.caller)
      try await talk.say(
        "Everything wrong", "POST", Self.target,
        #"""
        {"displayName":"a/b","description":1,"conversationGroupingType":"NONE","memoryStoreId":"store","memoryExtractionEnabled":"yes",
         "intelligenceConfigurationIds":["",2],"channelSettings":{"FAX":{},"SMS":{"statusTimeouts":{"inactive":0,"closed":1.5},
          "captureRules":[{"from":"+1555*","to":"x y z x y z x"},{"from":"*"}]}},
         "statusCallbacks":[{"url":"http://example.org"},{"method":"PUT"},{"url":"https://10.0.0.1"}],
         "conversationsV1Bridge":{"serviceId":"IS1"}}
        """#)
      let bridged = Self.plain.replacing("}", with: #","conversationsV1Bridge":{"serviceId":"IS0123456789abcdef0123456789abcdef"}}"#)
      let first = try await talk.server.send("POST", Self.target, bridged)
      #expect(first.status == 202)
      try await talk.say("B-CFG-6: another configuration has the service", "POST", Self.target, bridged)
    }
  }

  @Test("B-IDEM-1…3: a request that comes again under its key gets the first answer; another one under that key is refused")
  func idempotency() async throws {
    try await Talk.recorded("configuration-idempotency") { talk in
      func post(_ title: String, to target: String = Self.target, key: String = Self.key, body: String = Self.plain) async throws {
        try await talk.say(title, WireRequest("POST", target, body, headers: [("Idempotency-Key", key)]), as: talk.server.caller)
      }
      try await post("The first time")
      talk.server.clock.advance(seconds: 24 * 3600)
      try await post("A day later, the key in lower case: the same operation", key: Self.key.lowercased())
      try await post("The same but for a space", body: Self.plain + " ")
      try await post("B-HTTP-7: the same path with a slash behind it", to: Self.target + "/")
      try await post("A key that is none", key: "again")
      talk.server.clock.advance(seconds: 1)
      try await post("More than a day later: another operation")
      try await talk.say("Two in all", "GET", "\(Self.target)?pageSize=2")
    }
  }

  @Test("B-CFG-14, B-PAGE-2, B-HTTP-6: configurations are listed, by memory store too")
  func list() async throws {
    try await Talk.recorded("configuration-list") { talk in
      try await talk.say("An empty list", "GET", Self.target)
      _ = try await talk.server.configuration()
      let other = Self.plain.replacing("mem_store_00000000000000000000000001", with: "mem_store_00000000000000000000000002")
      let answer = try await talk.server.send("POST", Self.target, other)
      #expect(answer.status == 202)
      let first = try await talk.say("The newest", "GET", "\(Self.target)?pageSize=1")
      try await talk.say("The next", "GET", "\(Self.target)?pageSize=1&pageToken=\(first.string("meta.nextToken"))")
      try await talk.say("Of one store", "GET", "\(Self.target)?memoryStoreId=mem_store_00000000000000000000000002")
      try await talk.say("Of a store that none has", "GET", "\(Self.target)?memoryStoreId=mem_store_00000000000000000000000003")
      try await talk.say("Of what is no store", "GET", "\(Self.target)?memoryStoreId=7")
      try await talk.say("No such configuration", "GET", "\(Self.target)/conv_configuration_00000000000000000000000009")
      try await talk.say("No such operation", "GET", "/v2/ControlPlane/Operations/proc_job_00000000000000000000000009")
    }
  }
}

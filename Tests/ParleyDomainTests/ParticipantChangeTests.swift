import ParleyDomain
import Testing

@Suite("Replacing participants, and their documents")
struct ParticipantChangeTests {
  private static let whole = #"""
    {"name":"Mira","type":"CUSTOMER","profileId":"mem_profile_00000000000000000000000007",
    "addresses":[{"channel":"SMS","address":"+14155550117","channelId":"SM1"},{"channel":"CHAT","address":"mira"}]}
    """#

  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let body: String
    let name: String
    let type: Participant.Kind
    let hasProfile: Bool
    let addresses: [String]

    init(
      _ testDescription: String, _ body: String, name: String, type: Participant.Kind = .customer, hasProfile: Bool = false,
      addresses: [String] = ["+14155550117", "mira"]
    ) {
      (self.testDescription, self.body, self.name, self.type) = (testDescription, body, name, type)
      (self.hasProfile, self.addresses) = (hasProfile, addresses)
    }
  }

  @Test(
    "A PUT replaces name and profile, and keeps type and addresses that it leaves out (B-PART-21)",
    arguments: [
      Row("nothing said", "{}", name: "+14155550117"),
      Row("name alone, as in the endpoint's sample", #"{"name":"Max"}"#, name: "Max"),
      Row("an empty name is a name", #"{"name":""}"#, name: ""),
      Row("a null name is none", #"{"name":null,"type":null,"addresses":null,"profileId":null}"#, name: "+14155550117"),
      Row("profile", #"{"profileId":"mem_profile_00000000000000000000000008"}"#, name: "+14155550117", hasProfile: true),
      Row("type", #"{"name":"Max","type":"AGENT"}"#, name: "Max", type: .agent),
      Row("addresses", #"{"addresses":[{"channel":"EMAIL","address":"a@b"}]}"#, name: "a@b", addresses: ["a@b"]),
      Row("addresses cleared", #"{"addresses":[]}"#, name: "CUSTOMER", addresses: []),
      Row(
        "addresses cleared, type changed", #"{"addresses":[],"type":"HUMAN_AGENT"}"#, name: "HUMAN_AGENT", type: .humanAgent,
        addresses: []),
      Row("everything the same", whole, name: "Mira", hasProfile: true),
    ])
  func replaces(row: Row) throws {
    let before = try made(Self.whole)
    let after = before.replaced(by: try draft(row.body), at: .at(60))
    #expect(after.name == row.name && after.type == row.type)
    #expect((after.profileId != nil) == row.hasProfile)
    #expect(after.addresses.map(\.text) == row.addresses)
    #expect(after.id == before.id && after.createdAt == before.createdAt && after.updatedAt == .at(60))
    #expect(after.says(sameAs: before) == (row.body == Self.whole))
  }

  @Test(
    "A PUT changes something when name, type, profile or an address is another, in order and spelling (B-PART-22)",
    arguments: [
      ("{\"name\":\"Mira\"}", "{\"name\":\"mira\"}"),
      ("{\"name\":\"K\"}", "{\"name\":\"\u{212A}\"}"),
      ("{\"name\":\"\u{e9}\"}", "{\"name\":\"e\u{301}\"}"),
      (#"{"name":"","type":"AGENT"}"#, #"{"name":"","type":"AI_AGENT"}"#),
      (#"{"name":""}"#, #"{"name":"","profileId":"mem_profile_00000000000000000000000008"}"#),
      (
        #"{"name":"","addresses":[{"channel":"CHAT","address":"mira"}]}"#,
        #"{"name":"","addresses":[{"channel":"CHAT","address":"client:mira"}]}"#
      ),
      (
        #"{"name":"","addresses":[{"channel":"CHAT","address":"mira"}]}"#,
        #"{"name":"","addresses":[{"channel":"CHAT","address":"mira","channelId":"x"}]}"#
      ),
      (
        #"{"name":"","addresses":[{"channel":"CHAT","address":"a"},{"channel":"CHAT","address":"b"}]}"#,
        #"{"name":"","addresses":[{"channel":"CHAT","address":"b"},{"channel":"CHAT","address":"a"}]}"#
      ),
    ])
  func tellsChanges(before: String, after: String) throws {
    let participant = try made(before)
    #expect(!participant.replaced(by: try draft(after), at: .at(60)).says(sameAs: participant))
    #expect(participant.replaced(by: try draft(before), at: .at(60)).says(sameAs: participant))
  }

  @Test("updatedAt never goes back (B-TIME-3)", arguments: [(60, 60), (0, 0), (-60, 0)] as [(Int64, Int64)])
  func keepsTime(now: Int64, updatedAt: Int64) throws {
    let after = try made(Self.whole).replaced(by: try draft("{}"), at: .at(now))
    #expect(after.updatedAt == .at(updatedAt))
    #expect(after.createdAt == .at(0))
  }

  @Test("A participant's document is the answer: what is unset is left out, the name never (B-PART-3, B-PART-4)")
  func writes() throws {
    #expect(
      text(Stored(try made(Self.whole)).document) == #"""
        {"id":"conv_participant_00000000000000000000000007","conversationId":"conv_conversation_00000000000000000000000001",\#
        "accountId":"AC01010101010101010101010101010101","name":"Mira","type":"CUSTOMER",\#
        "profileId":"mem_profile_00000000000000000000000007","addresses":[\#
        {"channel":"SMS","address":"+14155550117","channelId":"SM1"},{"channel":"CHAT","address":"mira"}],\#
        "createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}
        """#)
    #expect(
      text(Stored(try made("{}")).document) == #"""
        {"id":"conv_participant_00000000000000000000000007","conversationId":"conv_conversation_00000000000000000000000001",\#
        "accountId":"AC01010101010101010101010101010101","name":"UNKNOWN","type":"UNKNOWN","addresses":[],\#
        "createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z"}
        """#)
  }

  @Test("A document gives its participant back", arguments: [whole, "{}", #"{"name":"\u0000\"\\\u212a","type":"AI_AGENT"}"#])
  func roundTrips(body: String) throws {
    let stored = Stored(try made(body).replaced(by: try draft(body), at: .at(60)))
    #expect(Stored(try stored.value()).document == stored.document)
  }

  @Test(
    "A document that is none of ours is a damaged one",
    arguments: ["", "{}", "[]", "{\"id\":", #"{"id":"conv_participant_00000000000000000000000007"}"#])
  func refusesDamage(document: String) {
    #expect(throws: DamagedDocument.self) { try Stored<Participant>(document: Array(document.utf8)).value() }
  }

  @Test(
    "A document in which any member is missing or odd is a damaged one",
    arguments: ["id", "conversationId", "accountId", "name", "type", "addresses", "createdAt", "updatedAt"])
  func refusesMissing(member: String) throws {
    var object = try #require(try JSON.parse(Stored(try made(Self.whole)).document).object)
    object[member] = .string("-001-01-01T00:00:00Z")
    let odd = Stored<Participant>(document: JSON.object(object).bytes)
    if member != "name" { #expect(throws: DamagedDocument.self) { try odd.value() } }
    object[member] = nil
    #expect(throws: DamagedDocument.self) { try Stored<Participant>(document: JSON.object(object).bytes).value() }
  }

  private func draft(_ body: String) throws -> ParticipantDraft { try Reading(body) { ParticipantDraft($0) }.get() }

  private func made(_ body: String) throws -> Participant {
    Participant(try draft(body), id: try .init(7), in: try .init(1), of: .init(1), at: .at(0))
  }
}

import ParleyDomain
import Testing

@Suite("Ids")
struct IDTests {
  /// Gives the same bits for ever: the ends of what chance may give.
  private struct Constant: RandomNumberGenerator, Sendable {
    let bits: UInt64
    mutating func next() -> UInt64 { bits }
  }

  @Test("128 bits are written as 26 characters of Crockford base32 (B-ID-1)")
  func encodes() {
    #expect(TypeIDForm.suffix(high: 0x0188_bac7_4afa_78aa, low: 0xbc3b_bd1e_ef28_d881) == "01h2xcejqtf2nbrexx3vqjhp41")
    #expect(TypeIDForm.suffix(high: 0, low: 0) == "00000000000000000000000000")
    #expect(TypeIDForm.suffix(high: .max, low: .max) == "7zzzzzzzzzzzzzzzzzzzzzzzzz")
    #expect(TypeIDForm.suffix(high: 0, low: 0x1F) == "0000000000000000000000000z")
    #expect(TypeIDForm.suffix(high: 1, low: 0) == "0000000000000g000000000000")
  }

  @Test(
    "An id is its resource's prefix and a suffix of the contract's form (B-ID-3, B-ID-4)",
    arguments: [
      ("conv_participant_01h2xcejqtf2nbrexx3vqjhp41", true),
      ("conv_participant_7zzzzzzzzzzzzzzzzzzzzzzzzz", true),
      ("conv_participant_00000000000000000000000000", true),
      ("conv_participant_01h2xcejqtf2nbrexx3vqjhiou", true),
      ("conv_participant_8zzzzzzzzzzzzzzzzzzzzzzzzz", false),
      ("conv_participant_a1h2xcejqtf2nbrexx3vqjhp41", false),
      ("conv_participant_01H2XCEJQTF2NBREXX3VQJHP41", false),
      ("conv_participant_01h2xcejqtf2nbrexx3vqjhp4", false),
      ("conv_participant_01h2xcejqtf2nbrexx3vqjhp411", false),
      ("conv_participant_01h2xcejqtf2nbrexx3vqjhp4\u{e9}", false),
      ("conv_participant_01h2xcejqtf2nbrexx3vqjh-41", false),
      ("conv_participant_01h2xcejqtf2nbrexx3vqjhp4\u{0}", false),
      ("conv_participant-01h2xcejqtf2nbrexx3vqjhp41", false),
      ("conv_participant01h2xcejqtf2nbrexx3vqjhp410", false),
      (" conv_participant_01h2xcejqtf2nbrexx3vqjhp41", false),
      ("CONV_participant_01h2xcejqtf2nbrexx3vqjhp41", false),
      ("conv_conversatio_01h2xcejqtf2nbrexx3vqjhp41", false),
      ("comms_participant_01h2xcejqtf2nbrexx3vqjhp41", false),
      ("01h2xcejqtf2nbrexx3vqjhp41", false),
      ("conv_participant_", false),
      ("", false),
    ])
  func accepts(text: String, isID: Bool) {
    #expect(Participant.ID(text)?.text == (isID ? text : nil))
  }

  @Test("Every resource has its own prefix, and takes no other's ids (B-ID-4, B-ID-5)")
  func hasPrefixes() {
    #expect(Conversation.idPrefix == "conv_conversation")
    #expect(Participant.idPrefix == "conv_participant")
    #expect(Configuration.idPrefix == "conv_configuration")
    #expect(Operation.idPrefix == "proc_job")
    #expect(Profile.idPrefix == "mem_profile")
    #expect(Account.idPrefix == "AC")
    #expect(APIKey.idPrefix == "SK")
    let suffix = "_01h2xcejqtf2nbrexx3vqjhp41"
    #expect(Configuration.ID("cfg_configuration" + suffix) == nil)
    #expect(Conversation.ID("comms_conversation" + suffix) == nil)
    #expect(Participant.ID("comms_participant" + suffix) == nil)
    #expect(Profile.isID("mem_profile" + suffix))
    #expect(!Profile.isID("mem_store" + suffix))
    #expect(MemoryStore.isID("mem_store" + suffix) && MemoryStore.isID("mem_service" + suffix))
    #expect(!MemoryStore.isID("mem_profile" + suffix) && !MemoryStore.isID("mem_store_8zzzzzzzzzzzzzzzzzzzzzzzzz"))
  }

  @Test("Ids of one millisecond increase strictly, whatever chance gives (B-ID-2)", arguments: [nil, 0, UInt64.max] as [UInt64?])
  func increases(bits: UInt64?) {
    let ids = bits.map { IDGenerator(random: Constant(bits: $0)) } ?? IDGenerator()
    var last: Conversation.ID = ids.next(at: .at(0))
    for _ in 0..<100_000 {
      let next: Conversation.ID = ids.next(at: .at(0))
      guard last < next, Conversation.ID(next.text) == next else { Issue.record("\(next.text) after \(last.text)"); return }
      last = next
    }
    #expect(time(of: last) == Timestamp.at(0).milliseconds)
  }

  @Test("Ids increase when the clock steps back, and across resources and milliseconds (B-ID-2)")
  func increasesAgainstTheClock() {
    let ids = IDGenerator()
    var last = ""
    for second: Int64 in [0, 0, 5, -3600, 4, 5, 6, -1_000_000_000, 6, 7] {
      for suffix in [
        ids.next(Conversation.self, at: .at(second)).text.suffix(26), ids.next(Participant.self, at: .at(second)).text.suffix(26),
      ] {
        #expect(last < suffix)
        last = String(suffix)
      }
    }
  }

  @Test("An id is a version 7 UUID of its instant (B-ID-1)", arguments: [nil, 0, UInt64.max] as [UInt64?])
  func isUUIDv7(bits: UInt64?) {
    let ids = bits.map { IDGenerator(random: Constant(bits: $0)) } ?? IDGenerator()
    for milliseconds: Int64 in [1, 1_645_557_742_000, 1_767_225_600_123, (1 << 48) - 1] {
      for _ in 0..<100 {
        let id: Operation.ID = ids.next(at: Timestamp(milliseconds: milliseconds))
        let (high, low) = decoded(id.text.suffix(26))
        #expect(high >> 16 == UInt64(milliseconds))
        #expect(high >> 12 & 0xF == 7)
        #expect(low >> 62 == 0b10)
        #expect(id.text.suffix(26).allSatisfy { !"ilou".contains($0) })
      }
    }
  }

  @Test("No id is made twice by tasks that share a generator, and each sees its own increase (B-ID-2)")
  func isUniqueAcrossTasks() async {
    let ids = IDGenerator()
    let made = await withTaskGroup(of: [String].self) { group in
      for task in 0..<8 {
        group.addTask { (0..<5000).map { ids.next(Participant.self, at: .at(Int64($0 / 1000 + task % 3))).text } }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(made.joined()).count == 40_000)
    for own in made { #expect(zip(own, own.dropFirst()).allSatisfy { $0 < $1 }) }
  }

  @Test("Two generators make different ids of one instant")
  func isRandom() {
    #expect(IDGenerator().next(Participant.self, at: .at(0)) != IDGenerator().next(Participant.self, at: .at(0)))
  }

  @Test(
    "A SID is two letters and 32 lower-case hexadecimal digits (B-ID-6)",
    arguments: [
      ("AC0123456789abcdef0123456789abcdef", true), ("AC0123456789abcdef0123456789abcdeF", false),
      ("AC0123456789abcdef0123456789abcde", false), ("AC0123456789abcdef0123456789abcdef0", false),
      ("AC0123456789abcdef0123456789abcdeg", false), ("SK0123456789abcdef0123456789abcdef", false),
      ("ac0123456789abcdef0123456789abcdef", false), ("AC\u{301}23456789abcdef0123456789abcdef", false), ("", false), ("AC", false),
    ])
  func acceptsSIDs(text: String, isSID: Bool) {
    #expect(Account.ID(text)?.text == (isSID ? text : nil))
  }

  @Test("A SID of sixteen bytes is a SID, and the Kelvin sign is no K (B-ID-6, B-HTTP-8)")
  func makesSIDs() {
    #expect(
      APIKey.ID(random: [0, 1, 0x9F, 0xFF] + Array(repeating: 0xA0, count: 12)).text == "SK00019fff" + String(repeating: "a0", count: 12))
    #expect(APIKey.ID(APIKey.ID(7).text) == APIKey.ID(7))
    #expect(APIKey.ID("S\u{212A}" + String(repeating: "0", count: 30)) == nil)
  }

  private func time(of id: Conversation.ID) -> Int64 { Int64(decoded(id.text.suffix(26)).high >> 16) }

  private func decoded(_ suffix: Substring) -> (high: UInt64, low: UInt64) {
    let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz")
    let value = suffix.reduce(UInt128(0)) { $0 << 5 | UInt128(alphabet.firstIndex(of: $1) ?? 0) }
    return (UInt64(truncatingIfNeeded: value >> 64), UInt64(truncatingIfNeeded: value))
  }
}

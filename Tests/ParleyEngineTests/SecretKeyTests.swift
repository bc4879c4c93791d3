import Foundation
import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite struct SecretKeyTests {
  private let sid = Account.ID(random: Array(repeating: 1, count: 16))
  private let otherSID = Account.ID(random: Array(repeating: 2, count: 16))

  private func key(_ byte: UInt8 = 1) throws -> SecretKey { try #require(SecretKey(Array(repeating: byte, count: 32))) }

  @Test("A key is 32 bytes, in base64 with or without white space around", arguments: [0, 16, 31, 32, 33, 64])
  func length(_ count: Int) {
    let bytes = [UInt8](repeating: 5, count: count)
    let text = Data(bytes).base64EncodedString()
    #expect((SecretKey(bytes) != nil) == (count == 32))
    #expect((SecretKey(base64: text) != nil) == (count == 32))
    #expect((SecretKey(base64: " \(text)\r\n") != nil) == (count == 32))
    #expect(SecretKey(base64: text + "!") == nil)
  }

  @Test("A sealed token opens with the same key for the same account, and never looks the same twice")
  func sealing() throws {
    let sealed = try key().seal("token", of: sid)
    #expect(try key().open(sealed, of: sid) == "token")
    #expect(try key().seal("token", of: sid) != sealed)
    #expect(!sealed.contains("token"))
  }

  @Test("A sealed token opens with no other key, for no other account, and not once it was altered")
  func refusing() throws {
    let sealed = try key().seal("token", of: sid)
    #expect(throws: (any Error).self) { try key(2).open(sealed, of: sid) }
    #expect(throws: (any Error).self) { try key().open(sealed, of: otherSID) }
    var bytes = try #require(Data(base64Encoded: sealed))
    for index in bytes.indices {
      bytes[index] ^= 1
      #expect(throws: (any Error).self) { try key().open(bytes.base64EncodedString(), of: sid) }
      bytes[index] ^= 1
    }
    for text in ["", "token", "AAAA"] { #expect(throws: (any Error).self) { try key().open(text, of: sid) } }
  }

  @Test("The check tells keys apart and is not the key; each purpose has a key of its own")
  func check() throws {
    #expect(try key().check == key().check)
    #expect(try key().check != key(2).check)
    #expect(try key().check != Data(repeating: 1, count: 32).base64EncodedString())
    let key = try key()
    #expect(key.derived(for: .authTokens) == key.derived(for: .authTokens))
    #expect(key.derived(for: .authTokens) != key.derived(for: .pageTokens))
    #expect(key.derived(for: .authTokens) != key.derived(for: .check))
  }
}

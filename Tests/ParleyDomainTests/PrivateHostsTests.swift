import Testing

@testable import ParleyDomain

@Suite("Private hosts that callbacks may go to")
struct PrivateHostsTests {
  private static let forbidden = "must not have a link-local or metadata address as its host"

  @Test(
    "Link-local and metadata addresses are refused whatever the operator allows, in every notation (B-HOOK-20)",
    arguments: [
      "169.254.0.0", "169.254.169.254", "169.254.255.255", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
      "169.254.43518", "%31%36%39.254.169.254", "168.63.129.16", "168.63.33040", "0xa83f8110", "100.100.100.200", "192.0.0.192", "[fe80::]",
      "[fe80::1]", "[fe80::1%25eth0]", "[febf:ffff::1]", "[fd00:ec2::254]", "[FD00:0EC2:0:0:0:0:0:254]", "[fd20:ce::254]",
      "[::ffff:169.254.169.254]", "[::ffff:a83f:8110]", "[::169.254.169.254]", "[::ffff:0:169.254.1.1]", "[64:ff9b::169.254.169.254]",
      "[64:ff9b::a83f:8110]", "[64:ff9b:1::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[2002:a83f:8110::1]",
    ])
  func forbidden(host: String) throws {
    let everything = try #require(PrivateHosts("0.0.0.0/0,::/0"))
    for hosts in [PrivateHosts.all, everything] {
      for url in ["https://\(host)/", "http://\(host):8080/x"] {
        #expect(CallbackPolicy(hosts).objection(to: url) == Self.forbidden)
      }
    }
    #expect(CallbackPolicy(.none).objection(to: "https://\(host)/") == "must have a public host")
    let target = try #require(CallbackTarget("http://\(host)/"))
    let address = try #require(IPAddress(target.host))
    #expect(!address.isPublic && address.isForbidden)
    for hosts in [PrivateHosts.all, everything, try #require(PrivateHosts("hooks.internal"))] {
      #expect(!CallbackPolicy(hosts).allows(address, host: "hooks.internal", port: 80))
    }
  }

  @Test(
    "Their neighbours are not refused where private hosts are allowed",
    arguments: [
      "169.253.255.255", "169.255.0.0", "168.63.129.15", "168.63.129.17", "100.100.100.199", "100.100.100.201", "192.0.0.191", "[fec0::1]",
      "[fe7f::1]", "[fd00:ec2::253]", "[fd00:ec2::255]", "[fd00:ec2:1::254]", "[64:ff9b::168.63.129.15]", "[::1]", "127.0.0.1",
    ])
  func neighbours(host: String) {
    #expect(CallbackPolicy(.all).objection(to: "http://\(host)/") == nil)
  }

  @Test(
    "A list opens what it names, and http for it alone (B-HOOK-20)",
    arguments: [
      ("127.0.0.1:3000", "http://127.0.0.1:3000/", nil), ("127.0.0.1:3000", "https://127.0.0.1:3000/", nil),
      ("127.0.0.1:3000", "http://127.0.0.1:3001/", "must be an https URL"), ("127.0.0.1:3000", "http://127.0.0.1/", "must be an https URL"),
      ("127.0.0.1:3000", "https://127.0.0.1/", "must have a public host"), ("127.0.0.1:3000", "http://127.1:3000/", nil),
      ("127.0.0.1:3000", "http://localhost:3000/", "must be an https URL"),
      ("127.0.0.1:3000", "http://127.0.0.2:3000/", "must be an https URL"),
      ("127.0.0.1:80", "http://127.0.0.1/", nil), ("127.0.0.1:443", "https://127.0.0.1/", nil), ("127.0.0.1", "http://127.0.0.1:9/", nil),
      ("127.0.0.1", "http://[::ffff:127.0.0.1]:9/", nil), ("::ffff:127.0.0.1", "http://127.0.0.1/", nil),
      ("10.0.0.0/8", "https://10.255.255.255/", nil), ("10.0.0.0/8", "http://10.0.0.0:81/", nil),
      ("10.0.0.0/8", "https://11.0.0.0/", nil), ("10.0.0.0/8", "http://11.0.0.0/", "must be an https URL"),
      ("10.0.0.0/8", "https://9.255.255.255/", nil), ("10.0.0.0/8", "https://192.168.0.1/", "must have a public host"),
      ("10.0.0.0/8:81", "", "wrong"), ("192.168.1.7/32", "https://192.168.1.7/", nil),
      ("192.168.1.7/32", "https://192.168.1.6/", "must have a public host"),
      // Octal for some, decimal for others: both must be named.
      ("10.0.0.0/8", "https://010.1.1.1/", "must have a public host"), ("10.0.0.0/8,8.0.0.0/8", "http://010.1.1.1/", nil),
      ("[::1]:3000", "http://[::1]:3000/", nil), ("[::1]:3000", "http://[::1]:3001/", "must be an https URL"),
      ("::1", "http://[0:0::1]:3001/", nil), ("[::1]", "http://[::1%25lo]/", nil), ("fd00::/8", "https://[fdff::1]/", nil),
      ("fd00::/8", "https://[fc00::1]/", "must have a public host"), ("::ffff:10.0.0.0/104", "http://10.1.1.1/", nil),
      ("hooks.internal", "http://hooks.internal:9/", nil), ("hooks.internal", "https://HOOKS.Internal./", nil),
      ("Hooks.Internal.", "http://hooks.internal/", nil), ("hooks.internal", "http://a.hooks.internal/", "must be an https URL"),
      ("hooks.internal", "https://a.hooks.internal/", "must have a public host"), ("hooks.internal:9", "http://hooks.internal:9/", nil),
      ("hooks.internal:9", "http://hooks.internal:8/", "must be an https URL"), ("localhost", "http://localhost:3000/", nil),
      ("localhost", "http://127.0.0.1/", "must be an https URL"), ("hooks.example.com", "http://hooks.example.com/", nil),
      ("hooks.example.com", "https://other.example.com/", nil),
      ("hooks.example.com", "ftp://hooks.example.com/", "must be an http or https URL"),
      ("app:3000", "http://app:3000/", nil), ("app:3000", "http://app/", "must be an https URL"),
      ("a.internal, 127.0.0.1:1 ,b.internal", "http://b.internal/", nil), ("0.0.0.0/0", "http://8.8.8.8/", nil),
    ] as [(String, String, String?)])
  func listed(list: String, url: String, objection: String?) throws {
    guard objection != "wrong" else {
      #expect(PrivateHosts(list) == nil)
      return
    }
    #expect(CallbackPolicy(try #require(PrivateHosts(list))).objection(to: url) == objection)
  }

  @Test(
    "A connection may go to a public address, to what the list names, and to wherever a host leads that it names (B-HOOK-21)",
    arguments: [
      ("hooks.internal", "hooks.internal", 80, "10.0.0.1", true), ("hooks.internal:81", "hooks.internal", 80, "10.0.0.1", false),
      ("hooks.internal", "other.example", 80, "10.0.0.1", false), ("10.0.0.0/8", "other.example", 80, "10.0.0.1", true),
      ("10.0.0.0/8", "other.example", 80, "192.168.0.1", false), ("10.0.0.1:443", "other.example", 443, "10.0.0.1", true),
      ("10.0.0.1:443", "other.example", 80, "10.0.0.1", false), ("10.0.0.1", "other.example", 80, "8.8.8.8", true),
      ("hooks.internal", "hooks.internal", 80, "169.254.169.254", false), ("hooks.internal", "hooks.internal", 80, "fd00:ec2::254", false),
      ("false", "other.example", 443, "8.8.8.8", true), ("false", "other.example", 443, "127.0.0.1", false),
      ("true", "other.example", 443, "127.0.0.1", true), ("true", "other.example", 443, "168.63.129.16", false),
    ])
  func connection(list: String, host: String, port: Int, address: String, isAllowed: Bool) throws {
    let policy = CallbackPolicy(try #require(PrivateHosts(list)))
    #expect(policy.allows(try #require(IPAddress(address)), host: host, port: port) == isAllowed)
  }

  @Test(
    "A text that is not a list is none, and so is one that names what is always refused",
    arguments: [
      "", ",", "a.b,", ",a.b", "a.b,,b.c", "True", "maybe", "on", "1", "app", "yes,", "maybe:", "a b", "http://127.0.0.1", "127.0.0.1:0",
      "127.0.0.1:65536", "127.0.0.1:x",
      "127.1", "0x7f000001", "010.0.0.1", "1.2.3", "256.1.1.1", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "10/8", "::/129",
      "::1%lo", "[::1", "::1]", "[::1]x", "[::1]:", "[127.0.0.1]", "[a]", "*.internal", "a..b", "b\u{fc}cher.example", "a/8",
      "169.254.169.254",
      "169.254.0.0/16", "fe80::/10", "fe80::1", "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.1.1", "[fe80::1]:80",
    ])
  func unreadable(text: String) { #expect(PrivateHosts(text) == nil, "\(text)") }

  @Test("A reason has at most 200 characters and no control characters (B-LOG-2)")
  func reason() {
    func kept(_ reason: String?) -> String? {
      Attempt(
        number: 1, startedAt: Timestamp(milliseconds: 0), milliseconds: 0, status: nil, failure: .tls, reason: reason, reply: "",
        nextAttemptAt: nil
      ).reason
    }
    #expect(kept(nil) == nil)
    #expect(kept("a\u{0}\n\u{1b}[31mb\u{7f}\u{85}\u{9b}c") == "a[31mbc")
    let longest = String(repeating: "\u{e9}", count: Attempt.reasonCharactersMax)
    #expect(kept(longest) == longest && kept(longest + "x") == longest)
  }

  @Test("true and false stand for all and none")
  func words() {
    #expect(PrivateHosts("true") == .all && PrivateHosts("false") == PrivateHosts.none)
    #expect(PrivateHosts("localhost") == .listed([.init(host: .name("localhost"), port: nil)]))
  }
}

import Testing

import ParleyDomain

@Suite("Callbacks on the wire")
struct CallbackTargetTests {
  @Test(
    "A callback is called as it is written, but for user info, fragment and what no request line carries (B-HOOK-14, B-HOOK-19, B-HOOK-36)",
    arguments: [
      ("https://example.com/webhook", "https://example.com/webhook"),
      ("https://example.com", "https://example.com/"),
      ("https://example.com?a=1", "https://example.com/?a=1"),
      ("HTTPS://Example.COM/Hook", "https://Example.COM/Hook"),
      ("https://example.com:443/", "https://example.com:443/"),
      ("https://user:pw@example.com/x", "https://example.com/x"),
      ("https://@example.com/x", "https://example.com/x"),
      ("https://example.com/x#rc=3", "https://example.com/x"),
      ("https://example.com#@127.0.0.1/", "https://example.com/"),
      ("https://example.com/a@b?c@d", "https://example.com/a@b?c@d"),
      ("https://example.com/caf\u{e9}?q=\u{4e2d}", "https://example.com/caf%C3%A9?q=%E4%B8%AD"),
      ("https://example.com/\"<>\\^`{|}", "https://example.com/%22%3C%3E%5C%5E%60%7B%7C%7D"),
      ("https://example.com/[a]?x[]=1", "https://example.com/%5Ba%5D?x%5B%5D=1"),
      ("https://example.com/a%20b/100%?q=%zz&r=%2", "https://example.com/a%20b/100%25?q=%25zz&r=%252"),
      ("https://example.com/a%2fb//../c;d?'x'=~!*()$,:", "https://example.com/a%2fb//../c;d?'x'=~!*()$,:"),
      ("http://127.0.0.1:9000/webhook", "http://127.0.0.1:9000/webhook"),
      ("https://[::1]:8443/x", "https://[::1]:8443/x"),
      ("https://ex%61mple.com/", "https://ex%61mple.com/"),
    ])
  func wireForm(url: String, wire: String) throws {
    let target = try #require(CallbackTarget(url))
    #expect(target.url == wire)
    // What is sent can be read again, and stays.
    #expect(CallbackTarget(wire)?.url == wire)
  }

  @Test(
    "Host, port and the receiver's name come from the authority",
    arguments: [
      ("https://example.com/", "https", "example.com", "example.com", 443, "example.com:443"),
      ("http://example.com", "http", "example.com", "example.com", 80, "example.com:80"),
      ("https://EXAMPLE.com.:8443?x", "https", "example.com", "EXAMPLE.com.:8443", 8443, "example.com:8443"),
      ("http://LOCALHOST./", "http", "localhost", "LOCALHOST.", 80, "localhost:80"),
      ("https://127.0.0.1.:8443/", "https", "127.0.0.1", "127.0.0.1.:8443", 8443, "127.0.0.1:8443"),
      ("https://foo%2einternal%2E/", "https", "foo.internal", "foo%2einternal%2E", 443, "foo.internal:443"),
      ("https://u:p@ex%61mple.com:0443/", "https", "example.com", "ex%61mple.com:0443", 443, "example.com:443"),
      ("https://[::FFFF:7f00:1]:1/", "https", "::ffff:127.0.0.1", "[::FFFF:7f00:1]:1", 1, "[::ffff:127.0.0.1]:1"),
      ("https://[fe80::1%25eth0]/", "https", "fe80::1", "[fe80::1%25eth0]", 443, "[fe80::1]:443"),
      ("https://0x7f.1:9/", "https", "127.0.0.1", "0x7f.1:9", 9, "127.0.0.1:9"),
    ])
  func authority(url: String, scheme: String, host: String, header: String, port: Int, key: String) throws {
    let target = try #require(CallbackTarget(url))
    #expect(target.scheme == scheme)
    #expect(target.host == host)
    #expect(target.hostHeader == header)
    #expect(target.port == port)
    #expect(target.hostKey == key)
  }

  @Test(
    "User info is told decoded, with a colon (B-HOOK-19)",
    arguments: [
      ("https://example.com/", nil), ("https://@example.com/", nil), ("https://user:pw@example.com/", "user:pw"),
      ("https://user@example.com/", "user:"), ("https://:pw@example.com/", ":pw"), ("https://a%40b:c%3ad%25@example.com/", "a@b:c:d%"),
      ("https://u:%c3%a9@example.com/", "u:\u{e9}"), ("https://u:%zz@example.com/", "u:%zz"), ("https://u:a:b@example.com/", "u:a:b"),
      ("https://user:%CC%81pw@example.com/", "user:\u{301}pw"), ("https://user%3A%CC%81pw@example.com/", "user:\u{301}pw"),
      ("https://user:\u{301}@example.com/", "user:\u{301}"), ("https://e%CC%81@example.com/", "e\u{301}:"),
    ] as [(String, String?)])
  func login(url: String, login: String?) throws {
    #expect(try #require(CallbackTarget(url)).basicAuthorization == login.map { Array($0.utf8) })
  }

  @Test(
    "User info is told in its own bytes, which need not be UTF-8 (B-HOOK-19)",
    arguments: [
      ("user:%FFpw", [0xFF]), ("user:%80%C3pw", [0x80, 0xC3]), ("user:%ED%A0%80pw", [0xED, 0xA0, 0x80]), ("user:%00pw", [0]),
    ] as [(String, [UInt8])])
  func loginBytes(login: String, bytes: [UInt8]) throws {
    let told = try #require(CallbackTarget("https://\(login)@example.com/")).basicAuthorization
    #expect(told == Array("user:".utf8) + bytes + Array("pw".utf8))
  }

  @Test(
    "What is no web URL, or has two hosts, is no target",
    arguments: [
      "", "example.com", "ftp://example.com/", "https://", "https:///x", "https://a@b@c/", "https://a\\@b/", "https://[::1/",
      "https://example.com:0/", "https://example.com:x/", "https://a b/", "https://b\u{fc}cher.example/", "https://a%/",
      "https://example.com/\r\nX: 1",
    ])
  func unreadable(url: String) {
    #expect(CallbackTarget(url) == nil)
  }

  @Test(
    "A client is given the host that is looked up, and the rest as it is written",
    arguments: [
      ("https://EXAMPLE.com./a?b=1", "https://example.com:443/a?b=1"), ("http://example.com", "http://example.com:80/"),
      ("https://u:p@example.com:8443/a%2fb?c#d", "https://example.com:8443/a%2fb?c"), ("https://[::1%25lo]/x", "https://[::1]:443/x"),
      ("http://127.1:9?x", "http://127.0.0.1:9/?x"), ("https://[2606:4700:0:0::1]:1/", "https://[2606:4700::1]:1/"),
    ])
  func connection(url: String, called: String) throws {
    let target = try #require(CallbackTarget(url))
    #expect(target.connectionURL(target.url) == called)
    #expect(target.connectionURL(target.url(adding: "h=1")) == called + (called.contains("?") ? "&" : "?") + "h=1")
  }

  @Test(
    "A query is added by ? or &: it is there once there is a ?",
    arguments: [
      ("https://example.com", "https://example.com/?h=1"), ("https://example.com/?", "https://example.com/?&h=1"),
      ("https://example.com?", "https://example.com/?&h=1"), ("https://example.com/?#f", "https://example.com/?&h=1"),
      ("https://example.com/?a", "https://example.com/?a&h=1"), ("https://example.com/?a=1#f", "https://example.com/?a=1&h=1"),
      ("https://example.com/?next=/a?", "https://example.com/?next=/a?&h=1"), ("https://example.com/??", "https://example.com/??&h=1"),
      ("https://example.com/?a=?&b=??", "https://example.com/?a=?&b=??&h=1"),
      ("https://example.com/?a=1&", "https://example.com/?a=1&&h=1"),
      ("https://example.com/#?", "https://example.com/?h=1"), ("https://example.com/%3f", "https://example.com/%3f?h=1"),
    ])
  func adding(url: String, longer: String) throws {
    #expect(try #require(CallbackTarget(url)).url(adding: "h=1") == longer)
  }

  @Test("A query value keeps letters, digits and - _ . ~ alone (B-HOOK-13)")
  func percentEncoding() {
    #expect(CallbackTarget.percentEncoded("AZaz09-_.~") == "AZaz09-_.~")
    #expect(CallbackTarget.percentEncoded("{\"a\":[1, 2]}+%'()*!") == "%7B%22a%22%3A%5B1%2C%202%5D%7D%2B%25%27%28%29%2A%21")
    #expect(CallbackTarget.percentEncoded("\u{e9}\u{1F600}\0") == "%C3%A9%F0%9F%98%80%00")
  }

  @Test(
    "An address has one canonical text",
    arguments: [
      ("0x7f.1", "127.0.0.1"), ("4294967295", "255.255.255.255"), ("0", "0.0.0.0"), ("0:0:0:0:0:0:0:0", "::"), ("::0001", "::1"),
      ("1::", "1::"), ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
      ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("::ffff:7f00:1", "::ffff:127.0.0.1"), ("64:ff9b::10.0.0.1", "64:ff9b::a00:1"),
      ("fe80::1%eth0", "fe80::1"), ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
  func canonical(text: String, canonical: String) throws {
    let address = try #require(IPAddress(text))
    #expect(address.description == canonical)
    #expect(IPAddress(canonical) == address)
  }
}

import Testing

import ParleyDomain

@Suite("Callback URLs")
struct CallbackURLTests {
  let strict = CallbackPolicy(allowPrivate: false)
  let lenient = CallbackPolicy(allowPrivate: true)

  @Test(
    "A callback may go to any https URL of a public host (B-HOOK-20)",
    arguments: [
      "https://example.com",
      "https://example.com/",
      "HTTPS://EXAMPLE.COM/Hook",
      "https://example.com/hook?a=1&b=2",
      "https://example.com?a=http://localhost/",
      "https://example.com#@127.0.0.1/",
      "https://example.com./hook",
      "https://example.com:1/",
      "https://example.com:8443/hook",
      "https://example.com:65535",
      "https://user:pw@example.com/hook",
      "https://localhost:pw@example.com/hook",
      "https://user%40home:p%5Bw@example.com/hook",
      "https://example.com/hook#rc=3&rp=all",
      "https://example.com/caf\u{e9}?q=\u{4e2d}",
      "https://example.com/a\\b/100%",
      "https://xn--bcher-kva.example/",
      "https://ex%61mple.com/",
      "https://my_host.example.com/",
      "https://127.0.0.1.example.com/",
      "https://localhost.example.com/",
      "https://notlocalhost/",
      "https://internal.example.com/",
      "https://mylocal/",
      "https://10.example/",
      "https://1e100.net/",
      "https://0xabc.example/",
      "https://8.8.8.8/",
      "https://8.8.8.8./",
      "https://134744072/",
      "https://0x08080808:8443/",
      "https://011.1.1.1/",
      "https://9.255.255.255/",
      "https://11.0.0.0/",
      "https://100.63.255.255/",
      "https://100.128.0.0/",
      "https://172.15.255.255/",
      "https://172.32.0.0/",
      "https://192.0.1.0/",
      "https://198.17.255.255/",
      "https://198.20.0.0/",
      "https://223.255.255.255/",
      "https://[2606:4700:4700::1111]/",
      "https://[2606:4700:4700::1111]:8443/hook",
      "https://[2606:4700:4700::1111%25eth0]/",
      "https://[2606:4700:4700:0:0:0:0:1111]",
      "https://[2001:200::1]/",
      "https://[::ffff:8.8.8.8]/",
      "https://[::8.8.8.8]/",
      "https://[64:ff9b::808:808]/",
      "https://[2002:808:808::1]/",
    ])
  func publicHost(url: String) {
    #expect(strict.objection(to: url) == nil)
    #expect(lenient.objection(to: url) == nil)
  }

  @Test(
    "A host outside the public internet is refused, however it is written, unless the operator allows private hosts (B-HOOK-20)",
    arguments: [
      // Names.
      "https://localhost", "https://LocalHost:8443/", "https://localhost./", "https://a.localhost/", "https://a.b.LOCALHOST./",
      "https://printer.local/", "https://printer.LOCAL./", "https://local/", "https://db.internal/", "https://DB.Internal./",
      "https://metadata.google.internal/", "https://loc%61lhost/", "https://user:pw@localhost/", "https://example.com@localhost/",
      // Every range of IPv4, first and last address.
      "https://0.0.0.0/", "https://0.255.255.255/", "https://10.0.0.0/", "https://10.255.255.255/", "https://100.64.0.0/",
      "https://100.127.255.255/", "https://127.0.0.1/", "https://127.255.255.255/", "https://169.254.0.0/",
      "https://169.254.169.254/", "https://172.16.0.0/", "https://172.31.255.255/", "https://192.0.0.0/", "https://192.0.0.255/",
      "https://192.0.2.0/", "https://192.0.2.255/", "https://192.168.0.0/", "https://192.168.255.255/", "https://198.18.0.0/",
      "https://198.19.255.255/", "https://198.51.100.1/", "https://203.0.113.1/", "https://224.0.0.0/", "https://239.255.255.255/",
      "https://240.0.0.0/", "https://255.255.255.255/",
      // IPv4 in other notations.
      "https://127.1/", "https://127.0.1/", "https://10.1/", "https://0/", "https://2130706433/", "https://3232235521/",
      "https://0x7f000001/", "https://0X7F.0.0.1/", "https://0x7f.1/", "https://0x/", "https://017700000001/",
      "https://0177.0.0.1/", "https://0177.0x0.0.1/", "https://00000177.1/", "https://0xa9.0376.43518/", "https://127.0.0.1./",
      "https://%31%32%37.0.0.1/", "https://127%2e0%2E0%2e1/", "https://%30x7f000001/", "https://127.0.0.1:443",
      "https://user@127.0.0.1/", "https://127.0.0.1?x", "https://127.0.0.1#x",
      // A leading zero, read as octal by some and dropped by others.
      "https://010.1.1.1/", "https://0127.0.0.1/", "https://012.1.1.1/",
      // IPv6.
      "https://[::]/", "https://[::1]/", "https://[::1]:8443/", "https://[0:0:0:0:0:0:0:1]/", "https://[0000::0001]/",
      "https://[::1%25lo]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[FEBF::1]/", "https://[fec0::1]/",
      "https://[fc00::1]/", "https://[fdff:ffff::1]/", "https://[ff02::1]/", "https://[2001:db8::1]/", "https://[2001:DB8:ffff::]/",
      "https://[3fff::1]/", "https://[3fff:fff::1]/", "https://[2001::1]/", "https://[2001:2::1]/", "https://[100::1]/",
      "https://[64:ff9b:1::808:808]/", "https://[4000::1]/",
      // IPv6 that carries IPv4.
      "https://[::ffff:127.0.0.1]/", "https://[::FFFF:7f00:1]/", "https://[0:0:0:0:0:ffff:10.0.0.1]/", "https://[::127.0.0.1]/",
      "https://[::a00:1]/", "https://[::ffff:169.254.169.254]/", "https://[::ffff:192.0.2.1]/", "https://[64:ff9b::127.0.0.1]/",
      "https://[64:ff9b::a00:1]/", "https://[64:ff9b::c0a8:101]/", "https://[2002:7f00:1::]/", "https://[2002:a00:1::1]/",
      "https://[2002:c0a8:101:1:2:3:4:5]/", "https://[::ffff:0:127.0.0.1]/",
    ])
  func privateHost(url: String) {
    #expect(strict.objection(to: url) == "must have a public host")
    let isForbidden = ["169.254", "fe80", "FEBF", "0xa9.0376.43518"].contains { url.contains($0) }
    #expect(lenient.objection(to: url) == (isForbidden ? "must not have a link-local or metadata address as its host" : nil))
  }

  @Test(
    "A URL whose query names the body's hash is refused, since its receiver would find two, and can still be called (B-HOOK-14)",
    arguments: [
      "?bodySHA256=", "?bodySHA256", "?bodySHA256=abc", "?a=1&bodySHA256=abc", "?bodySHA256=a&b=2", "?body%53HA256=a", "?%62odySHA256=a#x",
      "?&bodySHA256=a",
    ])
  func hash(query: String) {
    for policy in [strict, lenient] {
      #expect(policy.objection(to: "https://example.com/\(query)") == "must not have bodySHA256 in its query")
    }
    // It may be stored from before.
    #expect(CallbackTarget("https://example.com/\(query)") != nil)
  }

  @Test(
    "What only looks like the body's hash is taken",
    arguments: [
      "/bodySHA256=", "/?x=bodySHA256=1", "/?bodysha256=1", "/?bodySHA256a=1", "/?abodySHA256=1", "/#?bodySHA256=1", "/?a=?bodySHA256=1",
      "/??bodySHA256=1", "/%3FbodySHA256=1",
    ])
  func noHash(rest: String) { #expect(strict.objection(to: "https://example.com\(rest)") == nil) }

  @Test(
    "http is taken only where the operator allows private hosts (B-HOOK-20)",
    arguments: ["http://example.com/", "HTTP://example.com", "http://localhost:8080/hook", "http://10.0.0.5/", "http://[::1]:8080/"])
  func plainHTTP(url: String) {
    #expect(strict.objection(to: url) == "must be an https URL")
    #expect(lenient.objection(to: url) == nil)
  }

  @Test(
    "What is no web URL is refused, also where private hosts are allowed (B-HOOK-20)",
    arguments: [
      "", ":", "example.com", "example.com:443/hook", "//example.com/", "/hook", "://example.com/", "ftp://example.com/",
      "javascript:alert(1)", "file:///etc/passwd", "ws://example.com/", "httpss://example.com/", "htt\u{440}s://example.com/",
      "http\u{17f}://example.com/", "%68ttps://example.com/", "[https://example.com]",
    ])
  func otherScheme(url: String) {
    #expect(strict.objection(to: url) == "must be an https URL")
    #expect(lenient.objection(to: url) == "must be an http or https URL")
  }

  @Test(
    "A URL without a host is refused, also where private hosts are allowed (B-HOOK-20)",
    arguments: [
      "https", "https:", "https:/", "https://", "https:///", "https:///example.com/", "https:example.com", "https:/example.com",
      "https:\\\\example.com/", "https://?a=1", "https://#a", "https://:443/", "https://user:pw@/", "https://@/", "https://@:443/",
      "https://::1/",
    ])
  func noHost(url: String) {
    for policy in [strict, lenient] {
      #expect(policy.objection(to: url) == "must have a host")
    }
  }

  @Test(
    "A host that cannot be read, or in more ways than one, is refused, also where private hosts are allowed (B-HOOK-20)",
    arguments: [
      "https://./", "https://../", "https://.example.com/", "https://a..b/", "https://example.com../", "https://a,b/", "https://a%/",
      "https://a%2/", "https://a%zz/", "https://a%2fb/", "https://a%40b/", "https://127.0.0.1%00.example.com/", "https://a%20b/",
      "https://example.com%23@/", "https://example.com\\@127.0.0.1/", "https://example.com\\/", "https://127.0.0.1%2f@/",
      "https://256.1.1.1/", "https://1.2.3.256/", "https://1.2.3.4.5/", "https://1..2/", "https://4294967296/",
      "https://99999999999999999999999999/", "https://0x100000000/", "https://0xffffffffffffffffffff/", "https://08.1.1.1/",
      "https://example.1/", "https://example.0x7f/", "https://1.2.65536/",
      "https://[]/", "https://[::1/", "https://[::1]x/", "https://[::1]]/", "https://x[::1]/", "https://[1.2.3.4]/",
      "https://[example.com]/", "https://[:::]/", "https://[::1::]/", "https://[1:2:3:4:5:6:7]/", "https://[1:2:3:4:5:6:7:8:9]/",
      "https://[1:2:3:4:5:6:7:8::]/", "https://[:1:2:3:4:5:6:7]/", "https://[1:2:3:4:5:6:7:]/", "https://[12345::]/",
      "https://[::g]/", "https://[1.2.3.4::]/", "https://[::1.2.3]/", "https://[::1.2.3.256]/", "https://[::ffff:0177.0.0.1]/",
      "https://[::ffff:127.1]/", "https://[::1%eth0]/", "https://[::1%25]/", "https://[::%31]/", "https://[%3a%3a1]/",
      "https://[v1.::1]/",
      "https://\(String(repeating: "a", count: 64)).example/",
      "https://\(String(repeating: "a.", count: 127))b/",
    ])
  func unreadableHost(url: String) {
    for policy in [strict, lenient] {
      #expect(policy.objection(to: url) != nil)
      #expect(policy.objection(to: url) != "must have a public host")
    }
  }

  @Test(
    "User info with an @ or bracket of its own is refused, since readers would find different hosts (B-HOOK-19, B-HOOK-20)",
    arguments: ["https://a@b@example.com/", "https://a@127.0.0.1@example.com/", "https://[::1]@example.com/", "https://u:]@a.example/"])
  func ambiguousUserInfo(url: String) {
    for policy in [strict, lenient] {
      #expect(policy.objection(to: url) == "must write @, [ and ] in its user info as %40, %5B and %5D")
    }
  }

  @Test(
    "A host with characters beyond ASCII is to be written in its xn-- form, also where private hosts are allowed (B-HOOK-20)",
    arguments: [
      "https://b\u{fc}cher.example/", "https://bu\u{308}cher.example:443/", "https://b%C3%BCcher.example/", "https://\u{4e2d}/",
      "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/", "https://127\u{3002}0\u{3002}0\u{3002}1/", "https://l\u{43e}calhost/",
      "https://\u{24db}ocalhost/", "https://local\u{ad}host/", "https://local\u{200b}host/", "https://[::\u{ff11}]/", "https://%ff/",
    ])
  func nonASCIIHost(url: String) {
    for policy in [strict, lenient] {
      #expect(policy.objection(to: url) == "must write its host in ASCII (the xn-- form)")
    }
  }

  @Test(
    "Spaces and control characters are refused wherever they stand, also where private hosts are allowed (B-HOOK-20)",
    arguments: [
      " https://example.com/", "https://example.com/ ", "https://exam ple.com/", "https://example.com/a b", "https://example.com/\t",
      "ht\ttps://example.com/", "https://127.0.0.1\n.example.com/", "https://example.com/\r\nX-Header: 1", "https://example.com/\0",
      "https://example.com/\u{7f}", "https://example.com/\u{85}", "https://example.com/\u{a0}", "https://example.com/\u{2028}",
      "https://u ser@example.com/", "https://example.com/# ",
    ])
  func spacesAndControls(url: String) {
    for policy in [strict, lenient] {
      #expect(policy.objection(to: url) == "must not contain spaces or control characters")
    }
  }

  @Test(
    "A port that is written must lie between 1 and 65535, also where private hosts are allowed (B-HOOK-20)",
    arguments: [
      "https://example.com:/", "https://example.com:0/", "https://example.com:65536/", "https://example.com:99999999999999999999/",
      "https://example.com:-1/", "https://example.com:+443/", "https://example.com:44a/", "https://example.com:443:443/",
      "https://fe80::1/", "https://[::1]:/", "https://[::1]:0/", "https://example.com:\u{0661}/",
    ])
  func port(url: String) {
    for policy in [strict, lenient] {
      #expect(policy.objection(to: url) == "must have a port between 1 and 65535")
    }
  }

  @Test("A URL may have 2048 characters and no more, counted as Unicode scalars (B-HOOK-20)", arguments: ["a", "\u{e9}", "e\u{301}"])
  func length(unit: String) {
    let start = "https://example.com/"
    let room = CallbackPolicy.urlCharactersMax - start.unicodeScalars.count
    let longest = start + String(repeating: unit, count: room / unit.unicodeScalars.count)
    #expect(CallbackPolicy.urlCharactersMax == 2048)
    #expect(longest.unicodeScalars.count == 2048)
    for policy in [strict, lenient] {
      #expect(policy.objection(to: longest) == nil)
      #expect(policy.objection(to: longest + "a") == "must be at most 2048 characters")
    }
  }

  @Test(
    "All notations of an address give the same address (B-HOOK-20, B-HOOK-21)",
    arguments: [
      ("127.0.0.1", IPAddress.v4(0x7f00_0001)), ("127.1", .v4(0x7f00_0001)), ("2130706433", .v4(0x7f00_0001)),
      ("0x7F000001", .v4(0x7f00_0001)), ("0177.0.0.01", .v4(0x7f00_0001)), ("1.2.772", .v4(0x0102_0304)),
      ("255.255.255.255", .v4(.max)), ("4294967295", .v4(.max)), ("::", .v6(0)), ("::1", .v6(1)), ("fe80::1%eth0", .v6(0xfe80 << 112 | 1)),
      ("::ffff:1.2.3.4", .v6(0xffff_0102_0304)), ("::FFFF:102:304", .v6(0xffff_0102_0304)), ("1::", .v6(1 << 112)),
      ("0:0:0:0:0:ffff:1.2.3.4", .v6(0xffff_0102_0304)), ("1:2:3:4:5:6:7::", .v6(0x0001_0002_0003_0004_0005_0006_0007_0000)),
      ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", .v6(.max)),
    ])
  func notations(text: String, address: IPAddress) {
    #expect(IPAddress(text) == address)
  }

  @Test(
    "What is no address is not read as one (B-HOOK-21)",
    arguments: ["", ".", "example.com", "1.2.3.4.", "1.2.3.4.5", "1.2.3.256", "-1", "+1", "1.-2", "09", "4294967296", "[::1]", ":", "1:2"])
  func noAddress(text: String) {
    #expect(IPAddress(text) == nil)
  }
}

import Foundation
import Synchronization
import Testing

import ParleyDomain
@testable import ParleyEngine

@Suite("Address guard")
struct AddressGuardTests {
  private static let refused = AddressGuard.Refusal(failure: .addressRefused)

  /// Answers from a table; a name with several answers changes from call to call.
  private final class Names: HostResolver {
    struct Unknown: Error {}
    private let answers: Mutex<[String: [[String]]]>
    private let count = Mutex(0)
    var calls: Int { count.withLock { $0 } }

    init(_ answers: [String: [[String]]] = [:]) { self.answers = Mutex(answers) }

    func addresses(of host: String) async throws -> [IPAddress] {
      count.withLock { $0 += 1 }
      let answer = answers.withLock { answers in
        let all = answers[host] ?? []
        if all.count > 1 { answers[host] = Array(all.dropFirst()) }
        return all.first
      }
      guard let answer else { throw Unknown() }
      if answer == ["silence"] { throw ResolverTimeout() }
      return answer.compactMap { IPAddress($0) }
    }
  }

  private func look(
    _ url: String, _ names: Names = Names(), allowPrivate: Bool = false, lifetime: Duration = .zero
  ) async throws -> [String] {
    let addresses = AddressGuard(policy: CallbackPolicy(allowPrivate: allowPrivate), resolver: names, lifetime: lifetime)
    return try await addresses.addresses(of: #require(CallbackTarget(url), "\(url)"))
  }

  static let privateHosts = [
    // Names.
    "localhost", "LOCALHOST.", "a.localhost", "printer.local", "db.internal", "metadata.google.internal", "loc%61lhost", "local",
    "internal.",
    // Dotted.
    "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.169.254", "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    // Trailing dot, escapes.
    "127.0.0.1.", "10.0.0.1.", "127%2e0%2E0%2e1", "%31%32%37.0.0.1", "%30x7f000001",
    // Decimal, octal, hex, short.
    "2130706433", "3232235521", "2852039166", "017700000001", "0177.0.0.1", "0300.0250.0.1", "012.1.1.1", "0127.0.0.1", "0x7f000001",
    "0X7F.0.0.1", "0xa9fea9fe", "0x7f.1", "0x", "0", "127.1", "127.0.1", "10.1", "192.168.257", "0x7f.0.0x1", "0177.0x0.0.1",
    // IPv6.
    "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fe80::1%25eth0]", "[::1%25lo]", "[FEBF::1]", "[fec0::1]", "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[2001::1]", "[2001:2::1]", "[100::1]", "[4000::1]",
    // Mapped, compatible, translated, NAT64, 6to4.
    "[::ffff:127.0.0.1]", "[::FFFF:7f00:1]", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]", "[0:0:0:0:0:ffff:c0a8:1]", "[::127.0.0.1]",
    "[::a00:1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::808:808]", "[2002:7f00:1::]",
    "[2002:c0a8:101::1]", "[2002:a9fe:a9fe::]",
  ]

  @Test(
    "A private host is refused when it is written and when it is connected to, in every notation (B-HOOK-20, B-HOOK-21)",
    arguments: privateHosts)
  func privateHost(host: String) async throws {
    for url in ["https://\(host)/", "https://\(host):8443/x", "https://user:pw@\(host)?x"] {
      #expect(CallbackPolicy(allowPrivate: false).objection(to: url) == "must have a public host")
      let names = Names()
      await #expect(throws: Self.refused) { try await look(url, names) }
      #expect(names.calls == 0)
    }
  }

  @Test("There are at least 60 forms of private addresses in the table")
  func tableLength() {
    #expect(Set(Self.privateHosts).count >= 60)
  }

  @Test(
    "Dots and digits beyond ASCII are no target at all, also where private hosts are allowed (B-HOOK-20)",
    arguments: [
      "127\u{3002}0\u{3002}0\u{3002}1", "127\u{ff0e}0\u{ff0e}0\u{ff0e}1", "127\u{ff61}0\u{ff61}0\u{ff61}1",
      "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
      "\u{2460}\u{2461}\u{2466}.0.0.1", "localhost\u{3002}", "\u{24db}ocalhost", "127%E3%80%820.0.1", "[::\u{ff11}]", "l\u{43e}calhost",
    ])
  func dots(host: String) {
    #expect(CallbackPolicy(allowPrivate: false).objection(to: "https://\(host)/") != nil)
    #expect(CallbackTarget("https://\(host)/") == nil)
  }

  @Test(
    "A name is refused if one of its addresses is private (B-HOOK-21)",
    arguments: [
      ["127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["168.63.129.16"], ["fd00:ec2::254"], ["8.8.8.8", "::ffff:169.254.1.1"],
      ["64:ff9b::a83f:8110"], ["2002:a9fe:a9fe::"], ["::1"], ["fe80::1%eth0"], ["fd00::1"], ["::ffff:127.0.0.1"], ["64:ff9b::10.0.0.1"],
      ["2002:7f00:1::"], ["0.0.0.0"], ["::"], ["8.8.8.8", "127.0.0.1"], ["192.168.1.1", "8.8.8.8"], ["2606:4700::1", "8.8.8.8", "::1"],
      ["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "10.0.0.1"],
    ])
  func privateAnswer(addresses: [String]) async throws {
    let names = Names(["rebind.example": [addresses]])
    #expect(CallbackPolicy(allowPrivate: false).objection(to: "https://rebind.example/") == nil)
    await #expect(throws: Self.refused) { try await look("https://rebind.example/", names) }
    if addresses.contains(where: { IPAddress($0)?.isForbidden ?? false }) {
      await #expect(throws: Self.refused) { try await look("https://rebind.example/", names, allowPrivate: true) }
    } else {
      #expect(try await !look("https://rebind.example/", names, allowPrivate: true).isEmpty)
    }
  }

  @Test("A name whose answer changes is judged by the answer that is connected to (B-HOOK-21)")
  func changingAnswer() async throws {
    let names = Names(["rebind.example": [["8.8.8.8"], ["127.0.0.1"], ["8.8.8.8"], ["8.8.8.8", "::1"]]])
    let addresses = AddressGuard(policy: CallbackPolicy(allowPrivate: false), resolver: names, lifetime: .zero)
    let target = try #require(CallbackTarget("https://rebind.example/"))
    for _ in 0..<2 {
      #expect(try await addresses.addresses(of: target) == ["8.8.8.8"])
      await #expect(throws: Self.refused) { try await addresses.addresses(of: target) }
    }
    #expect(names.calls == 4)
  }

  @Test(
    "A public address is answered in its canonical form without the resolver",
    arguments: [
      ("8.8.8.8", "8.8.8.8"), ("8.8.8.8.", "8.8.8.8"), ("134744072", "8.8.8.8"), ("0x08080808", "8.8.8.8"), ("8.8.2056", "8.8.8.8"),
      ("011.1.1.1", "9.1.1.1"), ("[2606:4700:4700:0:0:0:0:1111]", "2606:4700:4700::1111"), ("[2606:4700::1%25eth0]", "2606:4700::1"),
      ("[::ffff:8.8.8.8]", "::ffff:8.8.8.8"), ("[64:ff9b::808:808]", "64:ff9b::808:808"), ("[2002:808:808::1]", "2002:808:808::1"),
    ])
  func publicAddress(host: String, address: String) async throws {
    let names = Names()
    #expect(try await look("https://\(host)/", names) == [address])
    #expect(names.calls == 0)
  }

  @Test("A private address is answered where the operator allows it", arguments: [("127.1", "127.0.0.1"), ("[::1%25lo]", "::1")])
  func allowed(host: String, address: String) async throws {
    #expect(try await look("http://\(host):9000/", allowPrivate: true) == [address])
    #expect(try await look("http://localhost/", Names(["localhost": [["::1", "127.0.0.1"]]]), allowPrivate: true) == ["::1", "127.0.0.1"])
  }

  @Test("A list of private hosts holds for what a name leads to, and for the port (B-HOOK-21)")
  func listed() async throws {
    let names = Names([
      "hooks.internal": [["10.0.0.5"]], "public.example": [["127.0.0.1"]], "other.example": [["192.168.0.1"]],
      "metadata.internal": [["169.254.169.254"]], "mixed.example": [["8.8.8.8", "192.168.0.1"]],
    ])
    let hosts = try #require(PrivateHosts("hooks.internal,metadata.internal,127.0.0.0/8,[::1]:3000"))
    let addresses = AddressGuard(policy: CallbackPolicy(hosts), resolver: names, lifetime: .zero)
    for (url, found) in [
      ("http://hooks.internal:9/", ["10.0.0.5"]), ("https://HOOKS.internal./", ["10.0.0.5"]), ("https://public.example/", ["127.0.0.1"]),
      ("http://127.1:9/", ["127.0.0.1"]), ("http://[::1]:3000/", ["::1"]), ("http://public.example/", nil), ("https://other.example/", nil),
      ("https://mixed.example/", nil), ("http://metadata.internal/", nil), ("http://[::1]:3001/", nil), ("https://10.0.0.5/", nil),
    ] as [(String, [String]?)] {
      let target = try #require(CallbackTarget(url))
      if let found {
        let answer = try await addresses.addresses(of: target)
        #expect(answer == found, "\(url)")
      } else {
        await #expect(throws: Self.refused, "\(url)") { try await addresses.addresses(of: target) }
      }
    }
  }

  @Test("An http URL that was stored under other settings is refused now")
  func plainHTTP() async {
    await #expect(throws: Self.refused) { try await look("http://8.8.8.8/") }
  }

  @Test("A name gives at most four addresses in the resolver's order, one of the other family among them")
  func several() async throws {
    let names = Names([
      "two.example": [["2606:4700::1", "8.8.8.8"]],
      "six.example": [["2606:4700::1", "2606:4700::2", "2606:4700::3", "2606:4700::4", "2606:4700::5", "8.8.8.8"]],
      "five.example": [["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4", "8.8.8.5"]],
    ])
    #expect(try await look("https://Two.Example/", names) == ["2606:4700::1", "8.8.8.8"])
    #expect(try await look("https://six.example/", names) == ["2606:4700::1", "2606:4700::2", "2606:4700::3", "8.8.8.8"])
    #expect(try await look("https://five.example/", names) == ["8.8.8.1", "8.8.8.2", "8.8.8.3", "8.8.8.4"])
  }

  @Test("A name without an address is a failure of names")
  func unknown() async {
    let failure = AddressGuard.Refusal(failure: .dns)
    await #expect(throws: failure) { try await look("https://nowhere.example/") }
    await #expect(throws: failure) { try await look("https://empty.example/", Names(["empty.example": [[]]])) }
  }

  @Test("An answer is used again for its lifetime, until it is forgotten; a failure is not")
  func cache() async throws {
    let names = Names(["a.example": [["8.8.8.8"], ["8.8.4.4"]]])
    let addresses = AddressGuard(policy: CallbackPolicy(allowPrivate: false), resolver: names, lifetime: .seconds(3600))
    for url in ["https://a.example/", "https://A.example:8443/x"] {
      #expect(try await addresses.addresses(of: #require(CallbackTarget(url))) == ["8.8.8.8"])
    }
    #expect(names.calls == 1)
    addresses.forget("a.example")
    #expect(try await addresses.addresses(of: #require(CallbackTarget("https://a.example/"))) == ["8.8.4.4"])
    for _ in 0..<2 {
      await #expect(throws: AddressGuard.Refusal.self) { try await addresses.addresses(of: #require(CallbackTarget("https://b.example/"))) }
    }
    #expect(names.calls == 4)
  }

  @Test("Where name servers are silent, the last answer is used; where they know of no address, it is not")
  func silence() async throws {
    let names = Names(["a.example": [["8.8.8.8"], ["silence"], ["silence"], [], ["silence"]], "b.example": [["silence"]]])
    let addresses = AddressGuard(policy: CallbackPolicy(allowPrivate: false), resolver: names, lifetime: .nanoseconds(1))
    let target = try #require(CallbackTarget("https://a.example/"))
    for _ in 0..<3 { #expect(try await addresses.addresses(of: target) == ["8.8.8.8"]) }
    #expect(names.calls == 3)
    await #expect(throws: AddressGuard.Refusal(failure: .dns)) { try await addresses.addresses(of: target) }
    addresses.forget("a.example")
    await #expect(throws: AddressGuard.Refusal(failure: .dns)) { try await addresses.addresses(of: target) }
    let unknown = try #require(CallbackTarget("https://b.example/"))
    await #expect(throws: AddressGuard.Refusal(failure: .dns)) { try await addresses.addresses(of: unknown) }
  }

  @Test("While name servers are silent they are asked once a lifetime, not for every event")
  func silenceOnce() async throws {
    let names = Names(["a.example": [["8.8.8.8"], ["silence"]]])
    let addresses = AddressGuard(policy: CallbackPolicy(allowPrivate: false), resolver: names, lifetime: .milliseconds(200))
    let target = try #require(CallbackTarget("https://a.example/"))
    while names.calls < 2 { #expect(try await addresses.addresses(of: target) == ["8.8.8.8"]) }
    let asked = ContinuousClock.now
    let calls = names.calls
    for _ in 0..<100 { #expect(try await addresses.addresses(of: target) == ["8.8.8.8"]) }
    #expect(names.calls - calls <= Int((ContinuousClock.now - asked) / .milliseconds(200)) + 1)
  }

  @Test("The machine's resolver knows localhost, and answers an address with itself")
  func system() async throws {
    let resolver = SystemResolver(timeout: .seconds(60))
    #expect(try await resolver.addresses(of: "localhost").allSatisfy { !$0.isPublic })
    #expect(try await resolver.addresses(of: "127.1") == [.v4(0x7f00_0001)])
  }

  @Test("A name that hangs fails in time, holds one thread however often it is asked")
  func hanging() async throws {
    let gate = DispatchSemaphore(value: 0)
    let hung = Mutex(0)
    let resolver = SystemResolver(timeout: .milliseconds(50)) { host in
      guard host == "hangs.example" else { return [.v4(0x0808_0808)] }
      hung.withLock { $0 += 1 }
      gate.wait()
      return []
    }
    for _ in 0..<3 {
      await #expect(throws: ResolverTimeout.self) { try await resolver.addresses(of: "hangs.example") }
    }
    #expect(hung.withLock { $0 } <= 1)
    gate.signal()
  }

  @Test("A name that hangs delays no other name")
  func hangingBeside() async throws {
    let gate = DispatchSemaphore(value: 0)
    let resolver = SystemResolver(timeout: .seconds(3600)) { host in
      if host == "hangs.example" { gate.wait() }
      if host == "refused.example" { return nil }
      return host == "a.example" ? [.v4(0x0808_0808)] : []
    }
    let hanging = Task { try await resolver.addresses(of: "hangs.example") }
    for _ in 0..<100 { #expect(try await resolver.addresses(of: "a.example") == [.v4(0x0808_0808)]) }
    await #expect(throws: SystemResolver.NotResolved.self) { try await resolver.addresses(of: "none.example") }
    await #expect(throws: ResolverTimeout.self) { try await resolver.addresses(of: "refused.example") }
    gate.signal()
    await #expect(throws: SystemResolver.NotResolved.self) { try await hanging.value }
  }

  @Test("Who is cancelled waits no longer for a name")
  func cancelled() async {
    let gate = DispatchSemaphore(value: 0)
    let resolver = SystemResolver(timeout: .seconds(3600)) { _ in
      gate.wait()
      return []
    }
    let task = Task { try await resolver.addresses(of: "hangs.example") }
    task.cancel()
    await #expect(throws: ResolverTimeout.self) { try await task.value }
    gate.signal()
  }
}

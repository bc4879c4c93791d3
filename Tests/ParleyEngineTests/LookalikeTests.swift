import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

@testable import ParleyEngine

@Suite("B-HTTP-8: texts that only look alike are different texts")
struct LookalikeTests {
  /// Pairs that Swift's `==` takes for the same.
  private static let pairs = [
    ("/caf\u{e9}", "/cafe\u{301}"), ("/?a=\u{f1}", "/?a=n\u{303}"), ("/\u{212b}", "/\u{c5}"), ("/\u{ac00}", "/\u{1100}\u{1161}"),
    ("/\u{212a}", "/K"),
    ("/a\u{323}\u{302}", "/a\u{302}\u{323}"), ("/\u{37e}", "/;"),
  ]

  @Test("what follows from a callback URL is that of this URL", arguments: pairs)
  func places(first: String, second: String) {
    let places = CallbackPlaces()
    let urls = ["https://example.com\(first)", "https://example.com\(second)"]
    #expect(urls[0] == urls[1])
    for _ in 0..<2 {
      for url in urls {
        #expect(places[url].target?.url == CallbackTarget(url)?.url)
        #expect(places[url].urlHash == CallbackPlaces.digest(url))
      }
    }
    #expect(places[urls[0]].urlHash != places[urls[1]].urlHash)
  }

  @Test("each of two URLs that look alike gets its events, and a pause of one does not hold the other", arguments: TestDatabase.kinds)
  func events(kind: TestDatabase.Kind) async throws {
    try await TestReceiver.with { receiver in
      try await TestEngine.calling(kind) { test, loop in
        let base = receiver.url.utf8.last == UInt8(ascii: "/") ? String(receiver.url.dropLast()) : receiver.url
        let urls = ["\(base)/caf\u{e9}", "\(base)/cafe\u{301}"]
        let targets = urls.compactMap { CallbackTarget($0)?.url.dropFirst("http://127.0.0.1:\(receiver.port)".utf8.count) }.map(String.init)
        let configuration = try await test.configuration(more: Text.callbacks(urls[0], urls[1]))
        _ = try await test.conversation(configuration)
        await loop.runUntilIdle()
        #expect(receiver.received.map(\.target.pathAlone).sorted() == targets.sorted())
        _ = try await test.engine.pauses.create(Body(#"{"url":"\#(urls[1])"}"#), for: test.account)
        _ = try await test.conversation(configuration)
        await loop.runUntilIdle()
        #expect(receiver.received.dropFirst(2).map(\.target.pathAlone) == [targets[0]])
      }
    }
  }

  @Test("a URL is not said to be signed where one is that only looks like it", arguments: pairs)
  func signed(first: String, second: String) throws {
    let urls = [try #require(SeenURL("https://example.com\(first)")), try #require(SeenURL("https://example.com\(second)"))]
    #expect(urls[0] != urls[1] && Set(urls).count == 2)
    #expect(!urls[0].isTarget(of: urls[1]) && urls[0].isTarget(of: urls[0]))
  }

  @Test(
    "a URL is taken apart at bytes, whatever marks combine with them",
    arguments: ["https://h/\u{301}p", "https://h/p?\u{301}=1&\u{301}", "http://u:\u{301}@h:1/?a=\u{301}&b", "https://h/a/\u{338}b?x"])
  func parts(url: String) throws {
    let seen = try #require(SeenURL(url))
    #expect(seen.host == "h" && seen.hasUserInfo == url.utf8.contains(UInt8(ascii: "@")))
    #expect(seen.parameters?.count == (url.utf8.contains(UInt8(ascii: "?")) ? url.utf8.filter { $0 == UInt8(ascii: "&") }.count + 1 : nil))
  }
}

extension String {
  /// A request's target without its query.
  fileprivate var pathAlone: String { String(prefix { $0 != "?" }) }
}

import Foundation
import Testing

import ParleyDomain
import ParleyEngine

@Suite("Webhook signatures")
struct WebhookSignatureTests {
  static let token = "0123456789abcdef0123456789abcdef"
  static let body = Array(#"{"eventType":"CONVERSATION_UPDATED","timestamp":"2026-01-02T03:04:05Z","data":{}}"#.utf8)
  static let hash = "681dc7fdc280e191c59c2604ed84c9394ecb464602c9961367616a1f11534044"

  @Test(
    "A POST's body goes into the URL by its hash, and the URL is signed (B-HOOK-14, B-HOOK-17)",
    arguments: [
      ("https://example.com/webhook", "?", "NCNopvavGT4jafJiblmjeGFQEcA="),
      ("https://example.com/webhook?tenant=7", "&", "lQm0Cb4t7zmgOZtCYnEA21vQlzU="),
      ("http://127.0.0.1:9000/webhook", "?", "ta1TFHLLMZDZAnpH+6D9oM9R53g="),
    ])
  func post(url: String, joint: String, signature: String) throws {
    for written in [url, url + "#rc=3", url.replacing("://", with: "://user:pw@")] {
      let signed = WebhookSignature(post: Self.body, to: try #require(CallbackTarget(written)), token: Self.token)
      #expect(signed.url == "\(url)\(joint)bodySHA256=\(Self.hash)")
      #expect(signed.signature == signature)
      #expect(WebhookSignature.isValid(signature, url: signed.url, body: Self.body, token: Self.token))
    }
  }

  @Test("A GET carries the event in its query, and the whole URL is signed (B-HOOK-13, B-HOOK-15, B-HOOK-17)")
  func get() throws {
    let signed = WebhookSignature(
      get: [("eventType", "CONVERSATION_UPDATED"), ("timestamp", "2026-01-02T03:04:05Z"), ("data", "{}")],
      to: try #require(CallbackTarget("https://example.com/webhook")), token: Self.token)
    #expect(signed.url == "https://example.com/webhook?eventType=CONVERSATION_UPDATED&timestamp=2026-01-02T03%3A04%3A05Z&data=%7B%7D")
    #expect(signed.signature == "akV80g3ibfG6bWptE6nyLizMzS0=")
  }

  @Test("A form's parameters are signed behind the URL, sorted, each once (B-HOOK-15, B-HOOK-17)")
  func form() {
    let fields = [
      ("MessageSid", "SM00000000000000000000000000000001"), ("From", "+15550100001"), ("To", "+15550100002"), ("Body", "Hi"),
      ("Body", "Hi"),
    ]
    let text = WebhookSignature.text(ofForm: fields.map { (name: $0.0, value: $0.1) }, to: "https://parley.example/inbound")
    #expect(WebhookSignature.signature(of: text, token: Self.token) == "AHocoPIPm8I1blBPSf+tgFb3ne0=")
  }

  @Test("Another token, URL, body or hash is not valid")
  func invalid() throws {
    let signed = WebhookSignature(post: Self.body, to: try #require(CallbackTarget("https://example.com/webhook")), token: Self.token)
    func isValid(_ signature: String? = nil, url: String? = nil, body: [UInt8] = Self.body, token: String = Self.token) -> Bool {
      WebhookSignature.isValid(signature ?? signed.signature, url: url ?? signed.url, body: body, token: token)
    }
    #expect(isValid())
    #expect(!isValid(token: String(repeating: "0", count: 32)))
    #expect(!isValid(body: Self.body + [10]))
    #expect(!isValid(url: signed.url + "&a"))
    #expect(!isValid("", url: signed.url))
    #expect(!isValid("%%%"))
    // A signature of the bare URL says nothing about the body.
    let bare = "https://example.com/webhook"
    #expect(!isValid(WebhookSignature.signature(of: bare, token: Self.token), url: bare))
    let twice = "\(signed.url)&bodySHA256=\(Self.hash)"
    #expect(!isValid(WebhookSignature.signature(of: twice, token: Self.token), url: twice))
  }
}

import Foundation
import Testing

import ParleyDomain
import ParleyEngine

@Suite("Signature doctor")
struct SignatureDoctorTests {
  private static let token = WebhookSignatureTests.token
  private static let body = WebhookSignatureTests.body
  private static let hash = "bodySHA256=\(WebhookSignatureTests.hash)"
  private static let callback = "https://hooks.example.com/a/b?tenant=7&tag=x%20y"

  /// What the receiver of a delivery to `callback` makes of it.
  private func diagnose(
    _ url: String? = nil, callback: String = Self.callback, method: String = "POST", body: [UInt8] = Self.body, token: String = Self.token,
    headers: [(name: String, value: String)]? = nil, known: [String] = []
  ) throws -> SignatureDoctor.Diagnosis {
    let signed = WebhookSignature(post: Self.body, to: try #require(CallbackTarget(callback)), token: Self.token)
    return SignatureDoctor.diagnose(
      url: url ?? signed.url, method: method, headers: headers ?? [("x-twilio-signature", signed.signature)], body: body, token: token,
      knownURLs: known)
  }

  @Test(
    "A request that arrived as it was sent is valid",
    arguments: [
      Self.callback, "https://example.com", "http://127.0.0.1:9000/x", "https://[2606:4700::1]:8443/x?a[]=1&a=2", "https://u:p@e.example/?",
    ])
  func valid(callback: String) throws {
    let diagnosis = try diagnose(callback: callback)
    #expect(diagnosis.isValid)
    #expect(diagnosis.findings.isEmpty)
  }

  @Test(
    "It finds the part that differs, without knowing the callback",
    arguments: [
      ("http://hooks.example.com/a/b?tenant=7&tag=x%20y&\(hash)", [.scheme]),
      ("https://HOOKS.example.com/a/b?tenant=7&tag=x%20y&\(hash)", [.host]),
      ("https://hooks.example.com:8080/a/b?tenant=7&tag=x%20y&\(hash)", [.port]),
      ("http://hooks.example.com:8080/a/b?tenant=7&tag=x%20y&\(hash)", [.scheme, .port]),
      ("https://hooks.example.com/a/b/?tenant=7&tag=x%20y&\(hash)", [.path]),
      ("https://hooks.example.com/a/%62?tenant=7&tag=x%20y&\(hash)", [.path]),
      ("https://hooks.example.com/a/b?tag=x%20y&tenant=7&\(hash)", [.query]),
      ("https://hooks.example.com/a/b?\(hash)&tenant=7&tag=x%20y", [.query]),
      ("https://hooks.example.com/a/b?tenant=7&tag=x+y&\(hash)", [.query]),
      ("https://hooks.example.com/a/b?tenant=7&tag=x y&\(hash)", [.query]),
      ("https://hooks.example.com/a/b?tenant=7&tag=x%20y&utm=1&\(hash)", [.query]),
      ("https://hooks.example.com/a/b?_=9&tag=x%20y&tenant=7&v&\(hash)", [.token]),
      ("https://hooks.example.com/a/b?tenant=7&tag=x%20y", [.bodySHA256]),
      ("http://hooks.example.com/a/b?tag=x%20y&tenant=7", [.scheme, .query, .bodySHA256]),
      ("https://me:pw@hooks.example.com/a/b?tenant=7&tag=x%20y&\(hash)", [.url]),
      ("https://hooks.example.com/a/b?tenant=7&tag=x%20y&\(hash)#top", [.url]),
      ("https://hooks.example.com/c?tenant=7&tag=x%20y&\(hash)", [.token]),
    ] as [(String, [SignatureDoctor.Part])])
  func parts(url: String, parts: [SignatureDoctor.Part]) throws {
    let diagnosis = try diagnose(url)
    #expect(!diagnosis.isValid)
    #expect(diagnosis.findings.map(\.part) == parts, "\(diagnosis.findings)")
  }

  @Test(
    "With the account's callbacks it finds what a proxy rewrote, too",
    arguments: [
      ("http://10.0.0.7:3000/b?tenant=7&tag=x%20y&\(hash)", [.scheme, .host, .port, .path]),
      ("https://hooks.example.com/b?tenant=7&tag=x%20y&\(hash)", [.path]),
      ("http://app/b", [.scheme, .host, .path, .query, .bodySHA256]),
      ("https://hooks.example.com/a/b?tenant=7&\(hash)", [.query]),
      ("https://hooks.example.com/a/b", [.query, .bodySHA256]),
    ] as [(String, [SignatureDoctor.Part])])
  func known(url: String, parts: [SignatureDoctor.Part]) throws {
    let diagnosis = try diagnose(url, known: ["https://other.example/", Self.callback])
    #expect(!diagnosis.isValid)
    #expect(diagnosis.findings.map(\.part) == parts, "\(diagnosis.findings)")
  }

  @Test("A default port more or less is told, and still valid, as the official libraries take both (B-HOOK-16)")
  func defaultPort() throws {
    for (callback, url) in [
      ("https://e.example/x", "https://e.example:443/x?\(Self.hash)"), ("https://e.example:443/x", "https://e.example/x?\(Self.hash)"),
      ("http://e.example/x", "http://e.example:80/x?\(Self.hash)"),
    ] {
      let diagnosis = try diagnose(url, callback: callback)
      #expect(diagnosis.isValid)
      #expect(diagnosis.findings.map(\.part) == [.port])
    }
    // Another port than the default one is not made up by any library.
    for url in ["https://e.example/x?\(Self.hash)", "https://e.example:443/x?\(Self.hash)"] {
      let diagnosis = try diagnose(url, callback: "https://e.example:8443/x", known: ["https://e.example:8443/x"])
      #expect(!diagnosis.isValid)
      #expect(diagnosis.findings.map(\.part) == [.port])
    }
  }

  @Test("A body that was changed is told, and how if that can be seen")
  func changedBody() throws {
    let text = String(decoding: Self.body, as: UTF8.self)
    let pretty = text.replacing(":{", with: ": {").replacing(",\"", with: ",\n  \"")
    for (body, change) in [
      (text + "\n", "a line end was added"), (text + "\r\n", "a line end was added"), ("\u{feff}" + text, "byte order mark"),
      (pretty, "written anew"), ("", "it is empty"), (text + "x", "it was changed"),
    ] {
      let diagnosis = try diagnose(body: Array(body.utf8))
      #expect(!diagnosis.isValid)
      #expect(diagnosis.findings.map(\.part) == [.body])
      #expect(diagnosis.findings.first?.message.contains(change) == true, "\(diagnosis.findings)")
    }
    let both = try diagnose(Self.callback, body: Array(pretty.utf8))
    #expect(both.findings.map(\.part) == [.bodySHA256, .body])
  }

  @Test("Another token is told where everything else agrees with a callback of the account")
  func token() throws {
    let diagnosis = try diagnose(token: String(repeating: "f", count: 32), known: [Self.callback])
    #expect(!diagnosis.isValid)
    #expect(diagnosis.findings.map(\.part) == [.token])
    #expect(diagnosis.findings.first?.message.contains("not by its auth token") == true)
    #expect(try diagnose(token: "", known: []).findings.map(\.part) == [.token])
  }

  @Test("A signature header that is missing, no base64 or there twice is told")
  func header() throws {
    let good = try #require(CallbackTarget(Self.callback)).url
    let signature = WebhookSignature.signature(of: "\(good)&\(Self.hash)", token: Self.token)
    for headers in [
      [], [("Signature", signature)], [("X-Twilio-Signature", "")], [("X-Twilio-Signature", "abc")], [("X-Twilio-Signature", "YQ==")],
    ] {
      let diagnosis = try diagnose(headers: headers.map { (name: $0.0, value: $0.1) })
      #expect(!diagnosis.isValid)
      #expect(diagnosis.findings.map(\.part) == [.signature])
    }
    for headers in [[("X-Twilio-Signature", signature), ("x-twilio-signature", signature)], [("X-TWILIO-SIGNATURE", "\(signature), abc")]] {
      #expect(try diagnose(headers: headers.map { (name: $0.0, value: $0.1) }).findings.map(\.part) == [.signature])
    }
  }

  @Test("A GET has no body to hash, and its parameters may be known from the callback")
  func get() throws {
    let event = [("eventType", "CONVERSATION_UPDATED"), ("timestamp", "2026-01-02T03:04:05Z"), ("data", "{}")]
    let signed = WebhookSignature(
      get: event.map { (name: $0.0, value: $0.1) }, to: try #require(CallbackTarget("https://e.example/x?a=1")), token: Self.token)
    func parts(_ url: String) -> [SignatureDoctor.Part] {
      SignatureDoctor.diagnose(
        url: url, method: "GET", headers: [("X-Twilio-Signature", signed.signature)], body: [], token: Self.token,
        knownURLs: ["https://e.example/x?a=1"]
      ).findings.map(\.part)
    }
    #expect(parts(signed.url).isEmpty)
    #expect(parts(signed.url.replacing("https", with: "http")) == [.scheme])
    #expect(parts(signed.url.replacing("a=1&", with: "")) == [.query])
    #expect(parts(signed.url.replacing("%3A", with: ":")) == [.query])
    #expect(parts(signed.url.replacing("2026", with: "2027")) == [.token])
  }

  @Test("A form is checked by its parameters (B-HOOK-15)")
  func form() {
    let form = "To=%2B15550100002&MessageSid=SM00000000000000000000000000000001&From=%2B15550100001&Body=Hi"
    func diagnose(_ url: String) -> SignatureDoctor.Diagnosis {
      SignatureDoctor.diagnose(
        url: url, method: "POST",
        headers: [
          ("X-Twilio-Signature", "AHocoPIPm8I1blBPSf+tgFb3ne0="), ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ],
        body: Array(form.utf8), token: Self.token, knownURLs: [])
    }
    #expect(diagnose("https://parley.example/inbound").isValid)
    #expect(diagnose("http://parley.example/inbound").findings.map(\.part) == [.scheme])
  }

  @Test("What is too long or no URL is told and not examined")
  func bounds() throws {
    #expect(try diagnose("https://e.example/" + String(repeating: "a", count: 8 << 10)).findings.map(\.part) == [.url])
    #expect(try diagnose(body: Array(repeating: 0, count: 2 << 20 + 1)).findings.map(\.part) == [.body])
    for url in ["", "/a/b", "hooks.example.com/a", "://x/", "ftp://x/", "https://", "https://:443/"] {
      #expect(try diagnose(url).findings.map(\.part) == [.url])
    }
    #expect(try diagnose("https://e.example/?" + String(repeating: "&", count: 200)).findings.map(\.part) == [.query])
    // Many parameters, callbacks and a large body: it ends all the same.
    let query = (0..<200).map { "p\($0)=\($0)" }.joined(separator: "&")
    let known = (0..<200).map { "https://host\($0).example/path\($0)?a=\($0)" }
    #expect(try diagnose("https://e.example/?\(query)", known: known).findings.map(\.part) == [.bodySHA256, .token])
  }
}

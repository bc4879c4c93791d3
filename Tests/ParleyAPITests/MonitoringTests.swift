import ParleyDomain
import ParleyTesting
import Testing

@testable import ParleyAPI

@Suite("What the server says of itself")
struct MonitoringTests {
  /// Samples by name and labels as written, and the families' types.
  private struct Metrics {
    var types: [String: String] = [:]
    var samples: [String: Double] = [:]

    /// Reads Prometheus' text format and complains of what is none.
    init(_ text: String) throws {
      #expect(text.hasSuffix("\n"))
      for line in text.split(separator: "\n") {
        if line.hasPrefix("# HELP ") { continue }
        if let type = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/) {
          #expect(types.updateValue(String(type.2), forKey: String(type.1)) == nil, "\(line) is there twice")
          continue
        }
        let form = /([a-z_]+)(\{(?:[a-z]+="[^"\\]*",?)*\})? ([0-9.e+\-]+)/
        let sample = try #require(line.wholeMatch(of: form), "\(line)")
        let name = String(sample.1)
        let family = ["_bucket", "_sum", "_count"].reduce(name) {
          $0.hasSuffix($1) && types[$0] == nil ? String($0.dropLast($1.count)) : $0
        }
        #expect(types[family] != nil, "\(name) has no type")
        let value = try #require(Double(String(sample.3)))
        #expect(value >= 0)
        #expect(samples.updateValue(value, forKey: name + String(sample.2 ?? "")) == nil, "\(line) is there twice")
      }
    }
  }

  private static func metrics(_ wire: Wire) async throws -> (answer: WireAnswer, metrics: Metrics) {
    try await wire.send(WireRequest("GET", "/metrics", headers: [("Host", "parley.test")], body: nil).bytes)
    let answer = try await wire.receive()
    return (answer, try Metrics(answer.text))
  }

  @Test("/metrics is Prometheus text of requests, database, queue and memory")
  func metrics() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        let requests = [
          WireRequest("POST", "/v2/Conversations", #"{"configurationId":7}"#), WireRequest("GET", "/v2/Conversations"),
          WireRequest("GET", "/v2/Conversations/conv_conversation_00000000000000000000000009"), WireRequest("GET", "/v2/Nothing"),
        ]
        // By one connection: each is counted before the next is read.
        for request in requests {
          try await wire.send(server.signed(request, as: server.caller).bytes)
          _ = try await wire.receive()
        }
        let (answer, metrics) = try await Self.metrics(wire)
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
        #expect(metrics.types["parley_http_requests_total"] == "counter")
        #expect(metrics.types["parley_http_request_duration_seconds"] == "histogram")
        let total = "parley_http_requests_total"
        #expect(metrics.samples[#"\#(total){route="/v2/Conversations",status="4xx"}"#] == 1)
        #expect(metrics.samples[#"\#(total){route="/v2/Conversations",status="2xx"}"#] == 1)
        #expect(metrics.samples[#"\#(total){route="/v2/Conversations/{Sid}",status="4xx"}"#] == 1)
        #expect(metrics.samples[#"\#(total){route="none",status="4xx"}"#] == 1)
        for name in [
          "parley_database_commits_total", "parley_database_writes_total", "parley_database_commit_seconds_total",
          "parley_database_reads_total",
          "parley_database_read_seconds_total", "parley_database_failed_commits_total", "parley_database_queue_length",
          "parley_database_queue_refused_total", "parley_body_memory_bytes", "parley_answer_memory_bytes", "parley_http_connections",
          "parley_http_connections_refused_total", "parley_log_lines_dropped_total",
          "process_resident_memory_bytes",
        ] {
          #expect(metrics.samples[name] != nil, "\(name)")
        }
        #expect(metrics.samples["parley_database_writes_total"] == 1)
        #expect(metrics.samples["parley_body_memory_bytes"] == 0)
      }
    }
  }

  @Test("the buckets of a histogram grow to its count")
  func histogram() async throws {
    try await TestServer.with { server in
      try await Wire.with(port: server.port) { wire in
        for _ in 0..<3 { _ = try await Self.metrics(wire) }
        let samples = try await Self.metrics(wire).metrics.samples
        let name = "parley_http_request_duration_seconds"
        let bounds = samples.keys.compactMap {
          $0.wholeMatch(of: /parley_http_request_duration_seconds_bucket\{route="\/metrics",le="([0-9.]+)"\}/)?.1
        }
        .compactMap { Double(String($0)) }.sorted()
        #expect(bounds == HTTPCounts.bounds.map { Double($0) / 1_000_000 })
        let counts = bounds.map { samples["\(name)_bucket{route=\"/metrics\",le=\"\($0)\"}"] ?? -1 }
        #expect(counts == counts.sorted())
        #expect(samples[#"\#(name)_bucket{route="/metrics",le="+Inf"}"#] == 3)
        #expect(samples[#"\#(name)_count{route="/metrics"}"#] == 3)
        #expect(samples[#"\#(name)_sum{route="/metrics"}"#] != nil)
      }
    }
  }

  @Test("no ids and no personal data in /metrics")
  func noIDs() async throws {
    try await TestServer.with { server in
      let conversation = try await server.conversation()
      let participant = try await server.participant("+14155550100", in: conversation)
      _ = try await server.send("GET", "/v2/Conversations/\(conversation)/Participants/\(participant)")
      _ = try await server.send("GET", "/v2/secret-path/\(participant)")
      let text = try await server.send(WireRequest("GET", "/metrics"), as: nil).text
      for secret in [conversation, participant, server.caller.account.text, "4155550100", "secret-path", "conv_", server.caller.token] {
        #expect(!text.contains(secret), "\(secret)")
      }
    }
  }

  @Test(
    "durations are counted in the first bucket whose bound they do not exceed",
    arguments: [
      (0, 0), (500, 0), (501, 1), (1000, 1), (10_000_000, 12), (10_000_001, 13),
    ])
  func buckets(_ microseconds: Int, _ bucket: Int) {
    let counts = HTTPCounts()
    counts.count(path: 3, status: 404, microseconds: microseconds)
    let path = counts.counts(path: 3)
    #expect(path.buckets.firstIndex(of: 1) == bucket)
    #expect(path.classes == [0, 0, 0, 0, 1, 0])
    #expect(counts.counts(path: nil).count == 0)
  }

  @Test("the Date header is made of the engine's clock")
  func dates() {
    #expect(HTTPDates.format(Timestamp(milliseconds: 0)) == "Thu, 01 Jan 1970 00:00:00 GMT")
    #expect(HTTPDates.format(Timestamp(milliseconds: 1_770_797_730_999)) == "Wed, 11 Feb 2026 08:15:30 GMT")
    #expect(HTTPDates.format(Timestamp(milliseconds: 1_709_210_096_000)) == "Thu, 29 Feb 2024 12:34:56 GMT")
    for (milliseconds, text) in [
      (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (-86_400_000, "Wed, 31 Dec 1969 00:00:00 GMT"), (-86_400_001, "Tue, 30 Dec 1969 23:59:59 GMT"),
      (-604_800_000, "Thu, 25 Dec 1969 00:00:00 GMT"), (-62_167_219_200_000, "Sat, 01 Jan 0000 00:00:00 GMT"),
    ] as [(Int64, String)] {
      #expect(HTTPDates.format(Timestamp(milliseconds: milliseconds)) == text)
    }
    for milliseconds in [Int64.min, .min / 2, .max] { _ = HTTPDates.format(Timestamp(milliseconds: milliseconds)) }
    #expect(HTTPDates().text(at: Timestamp(milliseconds: -1)) == "Wed, 31 Dec 1969 23:59:59 GMT")
    for (milliseconds, text) in [(-1, "-0.001"), (-999, "-0.999"), (-1500, "-1.500"), (.min, "-9223372036854775.808"), (7, "0.007")] {
      #expect(Milliseconds.asSeconds(milliseconds) == text)
    }
    let dates = HTTPDates()
    #expect(dates.text(at: Timestamp(milliseconds: 999)) == dates.text(at: Timestamp(milliseconds: 0)))
    #expect(dates.text(at: Timestamp(milliseconds: 1000)) == "Thu, 01 Jan 1970 00:00:01 GMT")
  }
}

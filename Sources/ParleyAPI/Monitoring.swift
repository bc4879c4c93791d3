import Foundation
import HTTPTypes
import NIOCore
import ParleyDomain
import ParleyEngine

/// What the server says of itself, to anyone: no ids and no personal data.
extension API {
  func health() async throws -> Reply { .ok(Array(#"{"status":"ok"}"#.utf8)) }

  /// 200 when the database answers and the server is not about to stop.
  func ready() async throws -> Reply {
    if isDraining { throw ParleyError.unavailable(cause: "the server is stopping") }
    try await engine.checkReady()
    return .ok(Array(#"{"status":"ready"}"#.utf8))
  }

  func openAPIDocument() async throws -> Reply { Reply(status: .ok, body: Self.openAPIDocument) }

  /// Answers share its bytes.
  private static let openAPIDocument = ByteBuffer(string: OpenAPIDocument.text)

  func metrics() async throws -> Reply {
    var text = PrometheusText()
    let paths = RouteTable(routes()).paths.map { (template: $0.template, counts: counts.counts(path: $0.index)) }
    let all = paths + [(template: "none", counts: counts.counts(path: nil))]
    text.family("parley_http_requests_total", "counter", "Answers by route and class of status.")
    for path in all {
      for (digit, count) in path.counts.classes.enumerated() where count > 0 {
        text.sample("parley_http_requests_total", [("route", path.template), ("status", "\(digit)xx")], count)
      }
    }
    text.family("parley_http_request_duration_seconds", "histogram", "Time from a request's head to its answer.")
    for path in all where path.counts.count > 0 {
      text.histogram(
        "parley_http_request_duration_seconds", [("route", path.template)], bounds: HTTPCounts.bounds, path.counts.buckets,
        microseconds: path.counts.microseconds)
    }

    let database = engine.databaseMetrics
    text.metric("parley_database_commits_total", "counter", "Transactions that were committed.", database.commits)
    text.metric("parley_database_failed_commits_total", "counter", "Transactions that were lost.", database.failedCommits)
    text.metric(
      "parley_database_writes_total", "counter", "Closures in committed transactions; by commits it is the group size.", database.writes)
    text.metric("parley_database_commit_seconds_total", "counter", "Time in committed transactions.", seconds: database.commitMicroseconds)
    text.metric("parley_database_reads_total", "counter", "Reads.", database.reads)
    text.metric("parley_database_read_seconds_total", "counter", "Time in reads.", seconds: database.readMicroseconds)
    text.metric(
      "parley_database_queue_length", "gauge", "Closures that wait for the writer or for a connection.", database.queueLength)
    text.metric(
      "parley_database_queue_refused_total", "counter", "Closures refused because too many waited or for too long.", database.refusedByQueue
    )
    text.metric("parley_database_wait_seconds_total", "counter", "Time spent waiting for a connection.", seconds: database.waitMicroseconds)
    text.metric(
      "parley_database_retries_total", "counter", "Transactions run again because of other writers or a lost connection.", database.retries)
    text.metric("parley_database_connections", "gauge", "Open connections to a database server.", database.connections)
    text.metric("parley_database_connections_in_use", "gauge", "Those of them that are busy.", database.connectionsInUse)
    text.metric(
      "parley_database_connections_failed_total", "counter", "Connections that could not be opened.", database.connectionsFailed)
    addWebhooks(to: &text)
    text.metric("parley_body_memory_bytes", "gauge", "Memory of request bodies in flight.", bodies.budget.bytesInFlight)
    text.metric("parley_answer_memory_bytes", "gauge", "Memory of answers that clients have not taken yet.", answers.bytesInFlight)
    text.metric("parley_http_connections", "gauge", "Open connections of clients.", connections.open)
    text.metric(
      "parley_http_connections_refused_total", "counter", "Connections closed because their address had too many.", connections.refused)
    text.metric("parley_log_lines_dropped_total", "counter", "Log lines dropped because nobody took them.", log.linesDropped)
    if let memory = Self.residentBytes() { text.metric("process_resident_memory_bytes", "gauge", "Memory of the process.", memory) }
    return Reply(status: .ok, body: ByteBuffer(string: text.text), contentType: "text/plain; version=0.0.4; charset=utf-8")
  }

  private func addWebhooks(to text: inout PrometheusText) {
    let webhooks = engine.webhooks.now()
    text.metric("parley_webhooks_waiting", "gauge", "Events that wait to be delivered, on all nodes.", webhooks.waiting)
    let age = webhooks.oldest.map { max(0, engine.now().milliseconds - $0.milliseconds) } ?? 0
    text.metric("parley_webhooks_oldest_seconds", "gauge", "Age of the oldest of them.", seconds: Int(age) * 1000)
    text.metric("parley_webhooks_in_flight", "gauge", "Lanes that this node works on, each with one delivery at a time.", webhooks.inFlight)
    text.family("parley_webhook_attempts_total", "counter", "Attempts of this node by what they came to.")
    for (result, count) in webhooks.attempts { text.sample("parley_webhook_attempts_total", [("result", result.rawValue)], count) }
    text.metric("parley_webhook_attempt_seconds_total", "counter", "Time in attempts.", seconds: webhooks.attemptMicroseconds)
    text.metric(
      "parley_webhook_backlog_given_up_total", "counter", "Events given up because too many waited for their URL.", webhooks.backlogGivenUp)
    text.metric(
      "parley_webhook_set_aside_total", "counter", "Events set aside because processes ended while they were being sent.", webhooks.setAside
    )
    text.family("parley_webhook_delivery_seconds", "histogram", "Time from an event to its arrival.")
    text.histogram(
      "parley_webhook_delivery_seconds", [], bounds: WebhookCounts.bounds.map { $0 * 1000 }, webhooks.deliveryBuckets,
      microseconds: webhooks.deliveryMilliseconds * 1000)
  }

  /// Second number of Linux's statm, in pages; nil where there is none.
  private static func residentBytes() -> Int? {
    guard let statm = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
    let numbers = statm.split(separator: " ")
    return numbers.count > 1 ? Int(numbers[1]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
  }
}

/// Prometheus' text format, version 0.0.4.
private struct PrometheusText {
  private(set) var text = ""

  mutating func family(_ name: String, _ type: String, _ help: String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
  }

  mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: some CustomStringConvertible) {
    let labels = labels.map { "\($0.name)=\"\($0.value)\"" }.joined(separator: ",")
    text += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
  }

  mutating func metric(_ name: String, _ type: String, _ help: String, _ value: Int) {
    family(name, type, help)
    sample(name, [], value)
  }

  mutating func metric(_ name: String, _ type: String, _ help: String, seconds microseconds: Int) {
    family(name, type, help)
    sample(name, [], Self.seconds(microseconds))
  }

  /// `bounds` are microseconds, `buckets` cumulative.
  mutating func histogram(
    _ name: String, _ labels: [(name: String, value: String)], bounds: [Int], _ buckets: [Int], microseconds: Int
  ) {
    for (bound, count) in zip(bounds, buckets) { sample("\(name)_bucket", labels + [("le", "\(Self.seconds(bound))")], count) }
    sample("\(name)_bucket", labels + [("le", "+Inf")], buckets.last ?? 0)
    sample("\(name)_sum", labels, Self.seconds(microseconds))
    sample("\(name)_count", labels, buckets.last ?? 0)
  }

  private static func seconds(_ microseconds: Int) -> Double { Double(microseconds) / 1_000_000 }
}

import Foundation
import HTTPTypes
import Logging
import ParleyDomain
import Synchronization

/// Where log lines go: a buffer that one thread writes out, so that no request waits for a disk or a terminal.
package final class LogSink: Sendable {
  package enum Format: String, CaseIterable, Sendable {
    case text
    case json
  }

  /// Lines that nobody takes are dropped beyond this and counted.
  private static let bytesMax = 8 << 20
  /// How long the thread lets lines gather.
  private static let gatheringMicroseconds: UInt32 = 50_000

  private struct State {
    var bytes: [UInt8] = []
    var isClosed = false
  }

  private let descriptor: Int32
  private let format: Format
  private let level: Logger.Level
  private let closing: DispatchTimeInterval
  private let condition = NSCondition()
  /// Guarded by `condition`.
  private nonisolated(unsafe) var state = State()
  private let dropped = Atomic<Int>(0)
  private let ended = DispatchSemaphore(value: 0)

  /// `closing` is how long the end may wait for a reader.
  package init(descriptor: Int32, format: Format, level: Logger.Level, closing: DispatchTimeInterval = .seconds(1)) {
    self.descriptor = descriptor
    self.format = format
    self.level = level
    self.closing = closing
    let thread = Thread {
      while self.waitForLines() {
        usleep(Self.gatheringMicroseconds)
        self.writeOut()
      }
      self.writeOut()
      self.ended.signal()
    }
    thread.name = "parley-log"
    thread.start()
  }

  var linesDropped: Int { dropped.load(ordering: .relaxed) }

  /// Writes what is there and takes no more; for the end of the process, which does not wait for a reader that takes nothing.
  package func close() {
    condition.withLock {
      state.isClosed = true
      condition.signal()
    }
    // Whoever closes it once more has nothing to wait for.
    if ended.wait(timeout: .now() + closing) == .success { ended.signal() }
  }

  /// The one line of a request: no body, no address, no secret. Errors of the server are told with their cause.
  func request(
    id: RequestID, account: Account.ID?, method: HTTPRequest.Method, template: String, status: Int, microseconds: Int, cause: String?,
    at now: Timestamp
  ) {
    let level: Logger.Level = status >= 500 ? .error : .info
    guard level >= self.level else { return }
    line(level, "request", at: now) { line in
      line.field("requestId", id.text)
      line.field("account", account?.text ?? "-")
      line.field("method", method.rawValue)
      line.field("route", template)
      line.field("status", status)
      line.field("milliseconds", Milliseconds.withMicroseconds(microseconds))
      if let cause { line.field("cause", cause) }
    }
  }

  func message(_ level: Logger.Level, _ message: String, _ fields: [(String, String)], at now: Timestamp) {
    guard level >= self.level else { return }
    line(level, message, at: now) { line in for (name, value) in fields { line.field(name, value) } }
  }

  private func line(_ level: Logger.Level, _ message: String, at now: Timestamp, _ fields: (inout LogLine) -> Void) {
    var line = LogLine(format, level, message, at: now)
    fields(&line)
    let bytes = line.finished()
    condition.withLock {
      if state.isClosed || state.bytes.count + bytes.count > Self.bytesMax {
        dropped.add(1, ordering: .relaxed)
      } else {
        if state.bytes.isEmpty { condition.signal() }
        state.bytes.append(contentsOf: bytes)
      }
    }
  }

  /// False once the sink is closed.
  private func waitForLines() -> Bool {
    condition.withLock {
      while state.bytes.isEmpty, !state.isClosed { condition.wait() }
      return !state.isClosed
    }
  }

  private func writeOut() {
    let bytes = condition.withLock {
      defer { state.bytes = [] }
      return state.bytes
    }
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if written < 0, errno == EINTR { continue }
      guard written > 0 else {
        dropped.add(rest.count { $0 == UInt8(ascii: "\n") }, ordering: .relaxed)
        return
      }
      rest = rest.dropFirst(written)
    }
  }
}

/// One line as it is put together.
private struct LogLine {
  private let format: LogSink.Format
  private var json = JSONWriter(capacity: 256)
  private var text: String

  init(_ format: LogSink.Format, _ level: Logger.Level, _ message: String, at now: Timestamp) {
    self.format = format
    let time = "\(now.wholeSeconds.dropLast())\(Milliseconds.asSeconds(Int(now.millisecondsOfSecond)).dropFirst())Z"
    text = format == .text ? "\(time) \(level.rawValue) \(Self.plain(message))" : ""
    guard format == .json else { return }
    json.member("time", time)
    json.member("level", level.rawValue)
    field("message", message)
  }

  mutating func field(_ name: String, _ value: String) {
    switch format {
    case .text: text += " \(name)=\(Self.plain(value))"
    case .json where value.isUnsafeOnTerminals:
      // The same text to JSON; a terminal only shows it.
      var quoted = JSONWriter()
      quoted.string(value)
      json.member(name, raw: Array(String(decoding: quoted.bytes, as: UTF8.self).escapedForTerminals().utf8))
    case .json: json.member(name, value)
    }
  }

  mutating func field(_ name: String, _ value: Int) {
    switch format {
    case .text: text += " \(name)=\(value)"
    case .json: json.member(name, Int64(value))
    }
  }

  mutating func field(_ name: String, _ value: Milliseconds.Number) {
    switch format {
    case .text: text += " \(name)=\(value.text)"
    case .json: json.member(name, raw: Array(value.text.utf8))
    }
  }

  func finished() -> [UInt8] {
    switch format {
    case .text: Array("\(text)\n".utf8)
    case .json: [UInt8(ascii: "{")] + json.bytes + Array("}\n".utf8)
    }
  }

  /// One line stays one line, and a terminal only shows it.
  private static func plain(_ text: String) -> String {
    text.isUnsafeOnTerminals ? String(text.escapedForTerminals(keepsLines: true).map { $0.isNewline || $0 == "\t" ? " " : $0 }) : text
  }
}

/// Hands swift-log's messages to the sink.
package struct SinkLogHandler: LogHandler {
  private let sink: LogSink
  private let label: String
  private let now: @Sendable () -> Timestamp
  package var metadata: Logger.Metadata = [:]
  package var logLevel: Logger.Level

  package init(_ sink: LogSink, label: String, level: Logger.Level, now: @escaping @Sendable () -> Timestamp) {
    self.sink = sink
    self.label = label
    self.now = now
    logLevel = level
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    sink.message(event.level, "\(event.message)", [("logger", label)] + fields, at: now())
  }
}

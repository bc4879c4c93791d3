import Foundation
import ParleyDomain
import ParleyStorage
import ParleyTesting
import Testing

extension ServerTests {
  /// A kill leaves what the kernel has; a power cut does not. So the system calls themselves are looked at.
  @Suite struct DurabilityTests {
    @Test("The log is synced between a request and its 201, each time")
    func synced() async throws {
      try await TestDatabase.withFolder { folder in
        let trace = folder.appendingPathComponent("trace")
        let server = try await ServerProcess.start(
          in: folder,
          launcher: [
            "/usr/bin/env", "strace", "-f", "-y", "-s", "64", "-o", trace.path,
            "-e", "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync",
          ])
        try await Self.untilAtRest(folder)
        let conversation = try await server.makeConversation(server.makeConfiguration())
        let requests = 20
        for number in 0..<requests {
          try await server.expect(201, "POST", "/v2/Conversations/\(conversation)/Participants", Bodies.participant("agent-\(number)"))
        }
        // The first to be traced is the server; strace ends with it.
        let text = try String(contentsOf: trace, encoding: .utf8)
        let pid = try #require(text.split(separator: " ").first.flatMap { Int32($0) })
        kill(pid, SIGTERM)
        #expect(await server.child.end() == 0)

        let lines = try String(contentsOf: trace, encoding: .utf8).split(separator: "\n").map(String.init)
        let answers = SyncTrace(lines).answers
        #expect(answers.count >= requests)
        #expect(answers.allSatisfy { $0 == .synced }, "\(answers)")
        // The same run without its syncs is found out, so the look does look.
        let unsynced = SyncTrace(lines.filter { !$0.contains("sync(") && !$0.contains("sync resumed") }).answers
        #expect(unsynced.count == answers.count && unsynced.allSatisfy { $0 == .notSynced }, "\(unsynced)")
      }
    }

    /// Waits until the server writes nothing by itself for half a minute: its purge is done for now, and not only leased. What it writes is
    /// not synced, and would seem to be a request's.
    private static func untilAtRest(_ folder: URL) async throws {
      let database = try SQLiteDatabase(path: folder.appendingPathComponent("parley.db").path, role: .command) { $0 ?? "" }
      try await eventually {
        let lanes = try await database.readSystem(.statement) { try $0.dueTimes() }
        return lanes.contains { $0.host.isEmpty && $0.due.milliseconds > SystemClock.now().milliseconds + 30_000 }
      }
      await database.close()
    }

    @Test("A trace is read rightly", arguments: Recorded.all)
    func reading(_ recorded: Recorded) {
      #expect(SyncTrace(recorded.lines).answers == recorded.answers)
    }

    struct Recorded: CustomTestStringConvertible, Sendable {
      let testDescription: String
      let lines: [String]
      let answers: [SyncTrace.Answer]

      static let all: [Recorded] = {
        let request = #"11 read(9<socket:[55]>, "POST /v2/Conversations/conv_conversation_0/Participants HTTP/1.1"..., 2048) = 400"#
        let frame = #"12 pwrite64(6</d/parley.db-wal>, "\r\0"..., 4096, 32) = 4096"#
        let sync = "12 fdatasync(6</d/parley.db-wal>) = 0"
        let answer = #"11 write(9<socket:[55]>, "HTTP/1.1 201 Created\r\nContent-Type"..., 700) = 700"#
        let begun = "12 fdatasync(6</d/parley.db-wal> <unfinished ...>"
        let ended = "12 <... fdatasync resumed>) = 0"
        func named(_ name: String, _ lines: [String], _ answers: [SyncTrace.Answer]) -> Recorded {
          Recorded(testDescription: name, lines: lines, answers: answers)
        }
        return [
          named("written, synced, answered", [request, frame, sync, answer], [.synced]),
          named("written and answered", [request, frame, answer], [.notSynced]),
          named("synced after the answer", [request, frame, answer, sync], [.notSynced]),
          named("synced before the last write", [request, frame, sync, frame, answer], [.notSynced]),
          named("synced before the request", [frame, sync, request, answer], [.notSynced]),
          named("another file synced", [request, frame, "12 fdatasync(5</d/parley.db>) = 0", answer], [.notSynced]),
          named(
            "a sync that failed", [request, frame, "12 fdatasync(6</d/parley.db-wal>) = -1 EIO (Input/output error)", answer], [.notSynced]),
          named("a sync in two parts", [request, frame, begun, ended, answer], [.synced]),
          named("a sync not over when the answer goes", [request, frame, begun, answer, ended], [.notSynced]),
          named("fsync does as well", [request, frame, "12 fsync(6</d/parley.db-wal>) = 0", answer], [.synced]),
          named("two requests, the second unsynced", [request, frame, sync, answer, request, frame, answer], [.synced, .notSynced]),
          named("no answer of interest", [request, frame, #"11 write(9<socket:[55]>, "HTTP/1.1 409 Conflict"..., 300) = 300"#], []),
        ]
      }()
    }
  }
}

/// The system calls of a server that is asked one thing at a time, as `strace -f -y` writes them.
struct SyncTrace {
  enum Answer: Equatable {
    case synced
    case notSynced
  }

  /// For each 201, in order, whether the log was written and then synced since the POST that it answers.
  let answers: [Answer]

  init(_ lines: [String]) {
    var answers: [Answer] = []
    var isAsked = false
    var isWritten = false
    var isSynced = false
    /// Threads that are inside a sync of the log, and whether nothing was written since it began.
    var syncing: Set<Substring> = []
    for line in lines {
      let thread = line.prefix { $0 != " " }
      if line.contains("\"POST /v2/Conversations") {
        (isAsked, isWritten, isSynced) = (true, false, false)
        syncing = []
      } else if line.contains("pwrite") && line.contains("-wal>") {
        (isWritten, isSynced) = (true, false)
        syncing = []
      } else if line.contains("sync(") && line.contains("-wal>") {
        if line.hasSuffix("= 0") { isSynced = isWritten } else if line.contains("<unfinished") { syncing.insert(thread) }
      } else if line.contains("sync resumed>") {
        if syncing.remove(thread) != nil, line.hasSuffix("= 0") { isSynced = isWritten }
      } else if line.contains("\"HTTP/1.1 201 "), isAsked {
        answers.append(isWritten && isSynced ? .synced : .notSynced)
        isAsked = false
      }
    }
    self.answers = answers
  }
}

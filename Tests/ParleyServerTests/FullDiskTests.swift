import Foundation
import ParleyDomain
import ParleyTesting
import Testing

extension ServerTests {
  /// A limit on the size of files stands for a disk that is full: a write ends in the middle, and the rest is refused.
  @Suite struct FullDiskTests {
    @Test("When the disk is full writes are answered 503, nothing is half-written, and reading goes on")
    func full() async throws {
      try await TestDatabase.withFolder { folder in
        let first = try await ServerProcess.start(in: folder)
        let configuration = try await first.makeConfiguration()
        let conversation = try await first.makeConversation(configuration)
        #expect(await first.stop() == 0)
        let target = "/v2/Conversations/\(conversation)/Participants"

        // In units of 512 bytes: room for the database as it is, and for a log of about 300 kB.
        let size = try #require(
          FileManager.default.attributesOfItem(atPath: folder.appendingPathComponent("parley.db").path)[.size] as? Int)
        let limited = try await ServerProcess.start(
          in: folder, launcher: ["/bin/sh", "-c", "ulimit -f \(max(600, size / 512 + 100)) && exec \"$@\"", "sh"])
        var acknowledged: [String] = []
        var refused: [WireAnswer] = []
        // 100 is more than fits.
        for number in 0..<99 where refused.count < 5 {
          let answer = try await limited.send("POST", target, Bodies.participant("agent-\(number)"))
          if answer.status == 201 { acknowledged.append("agent-\(number)") } else { refused.append(answer) }
        }
        #expect(!acknowledged.isEmpty)
        try #require(refused.count == 5)
        for answer in refused {
          #expect(answer.status == 503)
          #expect(answer["Retry-After"].flatMap { Int($0) }.map { $0 >= 1 } == true)
          #expect(try answer.value("code") == .number(.init(text: "20503")))
          #expect(!answer.text.contains("parley.db") && !answer.text.lowercased().contains("disk"))
        }

        func names(_ server: ServerProcess) async throws -> [String?] {
          try await server.participants(of: conversation).map { $0.object?["name"]?.string }
        }
        #expect(try await names(limited) == acknowledged)
        try await limited.expect(200, "GET", "/v2/Conversations/\(conversation)")
        #expect(try await limited.send("GET", "/health").status == 200)
        // What is larger does not fit either.
        let many = (0..<50).map { Bodies.participant("inline-\($0)") }.joined(separator: ",")
        let whole = #"{"configurationId":"\#(configuration)","participants":[\#(many)]}"#
        #expect(try await limited.send("POST", "/v2/Conversations", whole).status == 503)
        let addresses = (0..<50).map { #"{"channel":"CHAT","address":"other-\#($0)"}"# }.joined(separator: ",")
        let participant = try await limited.participants(of: conversation)[0].object?.text("id") ?? ""
        #expect(try await limited.send("PUT", "\(target)/\(participant)", #"{"addresses":[\#(addresses)]}"#).status == 503)
        #expect(try await names(limited) == acknowledged)
        await limited.kill()

        let last = try await ServerProcess.start(in: folder)
        #expect(try await names(last) == acknowledged)
        try await last.expect(201, "POST", target, Bodies.participant("after"))
        #expect(try await names(last) == acknowledged + ["after"])
        let page = try await last.expect(200, "GET", "/v2/Conversations")
        #expect(try page.value("conversations[0].id")?.string == conversation && page.value("conversations[1]") == nil)
        #expect(await last.stop() == 0)
      }
    }
  }
}

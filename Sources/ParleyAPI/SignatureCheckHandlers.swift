import ParleyDomain
import ParleyEngine

/// `/parley/v1/SignatureChecks`: reads the call, asks `SignatureChecks` once and wraps the answer.
struct SignatureCheckHandlers: Sendable {
  let checks: SignatureChecks

  func create(_ call: Call) async throws -> Reply {
    .ok(try await checks.create(call.body, for: call.account).document)
  }
}

extension SignatureDoctor.Diagnosis {
  fileprivate var document: [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("valid", isValid)
      writer.name("findings")
      writer.array { writer in
        for finding in findings {
          writer.object { writer in
            writer.member("part", finding.part.rawValue)
            writer.member("message", finding.message)
          }
        }
      }
    }
    return writer.bytes
  }
}

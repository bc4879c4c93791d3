import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Hummingbird as its documentation sets it up, answering fixed bytes: what the framework alone costs.
struct HTTPYardstick {
  private let port: Int
  private let body: ByteBuffer

  init(_ options: Options) throws {
    port = try options.number("port")
    body = ByteBuffer(bytes: try Data(contentsOf: URL(filePath: try options.text("body"))))
  }

  /// Serves until the process is told to stop.
  func run() async throws {
    let body = body
    let router = Router()
    router.get("/v2/**") { _, _ in Self.answer(.ok, body) }
    router.post("/v2/**") { request, _ in
      // Read whole, as whoever writes it down must.
      _ = try await request.body.collect(upTo: 16 * 1024 * 1024)
      return Self.answer(.created, body)
    }
    let application = Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
    try await application.runService()
  }

  private static func answer(_ status: HTTPResponse.Status, _ body: ByteBuffer) -> Response {
    Response(status: status, headers: [.contentType: "application/json"], body: ResponseBody(byteBuffer: body))
  }
}

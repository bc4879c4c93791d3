import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import ParleyDomain
import ParleyStorage
import ServiceLifecycle
import Synchronization

/// Who listens, and at which server. The token may be replaced meanwhile.
final class ListenAccount: Sendable {
  /// What the command signs in with, as the environment or `account.env` says it.
  struct Access: Equatable, Sendable {
    let sid: String
    let token: String
    let url: String

    init(_ settings: Settings, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
      let file = try settings.database.folder.map(AccountFile.init)
      // account.env of another system may have been read into the shell, with the ends of its lines. An empty value counts as none.
      func given(_ name: String) throws -> String? {
        guard let text = environment[name] else { return nil }
        guard let value = TextFile.value(text) else { throw StartFailure("\(name) has a control character") }
        return value.isEmpty ? nil : value
      }
      guard let sid = try given("TWILIO_ACCOUNT_SID") ?? file?.sid, let url = try given("PARLEY_URL") ?? file?.url,
        let token = try given("TWILIO_AUTH_TOKEN") ?? file?.writtenToken
      else {
        throw StartFailure(
          "set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and PARLEY_URL, or name the database that has an account.env beside it")
      }
      (self.sid, self.token) = (sid, token)
      self.url = String(url.reversed().drop { $0 == "/" }.reversed())
    }
  }

  private let read: @Sendable () throws -> Access
  private let state: Mutex<Access>

  init(_ read: @escaping @Sendable () throws -> Access) throws {
    self.read = read
    state = Mutex(try read())
  }

  var access: Access { state.withLock { $0 } }

  /// Reads it again; false if it is as it was, or can't be read.
  func hasChanged() -> Bool {
    guard let new = try? read() else { return false }
    return state.withLock { access in
      guard new != access else { return false }
      access = new
      return true
    }
  }
}

/// Registers a listener at the server, renews it while the command runs, and takes it back at the end.
final class ListenRegistration: Service {
  private static let expirySeconds = 60
  private static let timeout = TimeAmount.seconds(10)

  private let account: ListenAccount
  private let client: HTTPClient
  private let renewal: TimeAmount
  private let url: AsyncStream<String>
  private let urlSource: AsyncStream<String>.Continuation

  init(account: ListenAccount, client: HTTPClient, renewal: TimeAmount) {
    (self.account, self.client, self.renewal) = (account, client, renewal)
    (url, urlSource) = AsyncStream.makeStream()
  }

  /// The command listens, and the server reaches it by this URL.
  func isReached(at url: String) { urlSource.yield(url) }

  func run() async throws {
    guard let url = await url.cancelOnGracefulShutdown().first(where: { _ in true }) else { return }
    var id = try await register(url)
    say("listening to \(account.access.sid) at \(account.access.url); Ctrl-C ends it")
    let (ticks, tick) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleRepeatedTask(initialDelay: renewal, delay: renewal) { _ in
      tick.yield()
    }
    defer { timer.cancel() }
    for await _ in ticks.cancelOnGracefulShutdown() {
      do {
        switch try await call(.PUT, "/\(id)", Self.expiry).status {
        case .ok: break
        // It ended: with the token that it was made with, or in a longer pause, such as the machine's sleep.
        case .notFound: id = try await register(url)
        case let status: say("the listener can't be renewed now: the server answered \(status.code)")
        }
      } catch let refused as SignInRefused {
        // No event comes any more, and none will.
        throw refused
      } catch {
        say("the listener can't be renewed now: \(error)")
      }
    }
    _ = try? await call(.DELETE, "/\(id)")
  }

  private static let expiry = #"{"expiresInSeconds":\#(expirySeconds)}"#

  private func register(_ url: String) async throws -> String {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("url", url)
      writer.member("expiresInSeconds", Int64(Self.expirySeconds))
    }
    let answer = try await call(.POST, "", String(decoding: writer.bytes, as: UTF8.self))
    let body = try await answer.body.collect(upTo: 1 << 20)
    let object = (try? JSON.parse(Array(body.readableBytesView)))?.object
    guard answer.status == .created, let id = object?["id"]?.string else {
      let reason = object?["message"]?.string ?? ""
      let hint = reason.contains("url") ? ". The server must run with PARLEY_WEBHOOK_ALLOW_PRIVATE=127.0.0.1, or true" : ""
      throw StartFailure("the server at \(account.access.url) answered \(answer.status.code): \(Terminal.text(reason))\(hint)")
    }
    return id
  }

  /// Asks the server; a sign-in that is refused is tried once more if there is another token by now, and is final otherwise.
  private func call(_ method: HTTPMethod, _ path: String, _ body: String? = nil) async throws -> HTTPClientResponse {
    let answer = try await ask(method, path, body)
    guard Self.refusals.contains(answer.status) else { return answer }
    guard account.hasChanged() else { throw SignInRefused(account.access, answer.status) }
    let second = try await ask(method, path, body)
    guard !Self.refusals.contains(second.status) else { throw SignInRefused(account.access, second.status) }
    return second
  }

  private static let refusals: [HTTPResponseStatus] = [.unauthorized, .forbidden]

  private func ask(_ method: HTTPMethod, _ path: String, _ body: String?) async throws -> HTTPClientResponse {
    let access = account.access
    var request = HTTPClientRequest(url: "\(access.url)/parley/v1/Listeners\(path)")
    request.method = method
    request.setBasicAuth(username: access.sid, password: access.token)
    if let body {
      request.headers.add(name: "Content-Type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: body))
    }
    do {
      return try await client.execute(request, timeout: Self.timeout)
    } catch {
      throw StartFailure("the server at \(access.url) does not answer (\(error))")
    }
  }
}

/// The server does not let the account in, and there is nothing else to sign in with.
private struct SignInRefused: Error, CustomStringConvertible {
  let description: String

  init(_ access: ListenAccount.Access, _ status: HTTPResponseStatus) {
    description =
      "the server at \(access.url) answered \(status.code) to \(access.sid): its token or key is wrong, was replaced or was revoked"
  }
}

import Crypto
import Foundation
import ParleyDomain
import ParleyEngine

/// A list by what binds its tokens (B-PAGE-5): its name, what it is part of, and its filters as a set.
struct ListName: Sendable {
  /// Name of the array in the answer.
  let key: String
  let parent: String
  let filters: [String]

  init(_ key: String, parent: String = "", filters: [String] = []) {
    self.key = key
    self.parent = parent
    self.filters = filters
  }
}

/// Seals places in lists, so that a token can be neither read nor altered, nor used for another list or account.
struct PageTokens: Sendable {
  /// Longer ones are not looked at; a token is at most about 100 characters.
  private static let charactersMax = 512
  /// First byte of what is sealed; another form of cursor gets another number.
  private static let form: UInt8 = 1

  private let key: SymmetricKey

  init(key: SecretKey) { self.key = key.derived(for: .pageTokens) }

  func seal(_ cursor: Cursor, of list: ListName, for account: Account.ID) throws -> String {
    let text = [Self.form] + Array("\(cursor.direction.rawValue)\(cursor.key)".utf8)
    let box = try AES.GCM.seal(text, using: key, authenticating: Self.binding(list, account))
    return (box.combined ?? Data()).base64EncodedString()
      .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  /// Nil for a token that this list did not issue.
  func open(_ token: String, of list: ListName, for account: Account.ID) -> Cursor? {
    guard token.utf8.count <= Self.charactersMax else { return nil }
    let plain = token.replacing("-", with: "+").replacing("_", with: "/").replacing("=", with: "")
    let padding = String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
    guard let data = Data(base64Encoded: plain + padding), let box = try? AES.GCM.SealedBox(combined: data),
      let text = try? AES.GCM.open(box, using: key, authenticating: Self.binding(list, account)), text.first == Self.form
    else { return nil }
    let cursor = String(decoding: text.dropFirst(), as: UTF8.self)
    return Cursor.Direction(rawValue: String(cursor.prefix(1))).map { Cursor($0, from: String(cursor.dropFirst())) }
  }

  private static func binding(_ list: ListName, _ account: Account.ID) -> Data {
    Data(([account.text, list.key, list.parent] + list.filters.sorted()).joined(separator: "\n").utf8)
  }
}

extension Call {
  /// The page that `pageSize` and `pageToken` ask for (B-PAGE-1, B-PAGE-5). Other problems of the query are said first.
  func page(of list: ListName, checking fields: QueryFields) throws(ParleyError) -> PageRequest {
    let size = fields.first("pageSize", "must be a whole number from 1 to \(PageRequest.sizeMax)") { text in
      text.utf8.count <= 9 && text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
        ? Int(text).flatMap { (1...PageRequest.sizeMax).contains($0) ? $0 : nil } : nil
    }
    let cursor = fields.first("pageToken", "is not a token of this list") { tokens.open($0, of: list, for: account) }
    try fields.check()
    return PageRequest(size: size ?? PageRequest.sizeDefault, cursor: cursor)
  }
}

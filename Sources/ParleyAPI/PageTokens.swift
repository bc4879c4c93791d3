import Crypto
import Foundation
import ParleyDomain
import ParleyEngine

/// A list by what its tokens belong to (B-PAGE-5): its name and what it is part of. Its filters, each as `name=value`, go into the tokens.
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
  /// Longer ones are not looked at. A token of the longest filters, a URL of 2,048 characters of four bytes each, has about 11,500.
  private static let charactersMax = 16 << 10
  /// First byte of what is sealed: the cursor, then a line for each filter.
  private static let form: UInt8 = 2
  /// The form before: the cursor alone. Filters, if there were any, are part of what the seal binds.
  private static let formWithoutFilters: UInt8 = 1

  private let key: SymmetricKey

  init(key: SecretKey) { self.key = key.derived(for: .pageTokens) }

  func seal(_ cursor: Cursor, of list: ListName, for account: Account.ID) throws -> String {
    let lines = (["\(cursor.direction.rawValue)\(cursor.key)"] + list.filters).joined(separator: "\n")
    let box = try AES.GCM.seal([Self.form] + Array(lines.utf8), using: key, authenticating: Self.binding(list, [], account))
    return Self.text(box.combined ?? Data())
  }

  /// Nil for a token that this list did not issue. One of the earlier form needs the filters that it was issued with.
  func open(_ token: String, of list: ListName, for account: Account.ID) -> Cursor? {
    guard let box = Self.box(token) else { return nil }
    let lines =
      opened(box, bound: Self.binding(list, [], account), forms: [Self.form, Self.formWithoutFilters])
      ?? opened(box, bound: Self.binding(list, list.filters, account), forms: [Self.formWithoutFilters])
    guard let cursor = lines?.first else { return nil }
    let direction = Cursor.Direction(rawValue: String(cursor.unicodeScalars.prefix(1)))
    return direction.map { Cursor($0, from: String(cursor.unicodeScalars.dropFirst())) }
  }

  /// The filters that a token of the list carries; nil where only `open` can say whether it is one.
  func filters(in token: String, of list: ListName, for account: Account.ID) -> [String]? {
    let lines = Self.box(token).flatMap { box in
      opened(box, bound: Self.binding(list, [], account), forms: [Self.form, Self.formWithoutFilters])
    }
    return lines.map { Array($0.dropFirst()) }
  }

  private func opened(_ box: AES.GCM.SealedBox, bound binding: Data, forms: [UInt8]) -> [String]? {
    guard let text = try? AES.GCM.open(box, using: key, authenticating: binding), let form = text.first, forms.contains(form) else {
      return nil
    }
    return text.dropFirst().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  /// Nil for any other spelling than the one that was issued.
  private static func box(_ token: String) -> AES.GCM.SealedBox? {
    guard token.utf8.count <= charactersMax else { return nil }
    let plain = token.replacing("-", with: "+").replacing("_", with: "/")
    let padding = String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
    guard let data = Data(base64Encoded: plain + padding), text(data).utf8.elementsEqual(token.utf8) else { return nil }
    return try? AES.GCM.SealedBox(combined: data)
  }

  private static func text(_ data: Data) -> String {
    data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  private static func binding(_ list: ListName, _ filters: [String], _ account: Account.ID) -> Data {
    Data(([account.text, list.key, list.parent] + filters.sorted()).joined(separator: "\n").utf8)
  }
}

extension Call {
  /// The filters of a list: with a token those that it carries, and the query's are not looked at (B-PAGE-5).
  func filters(of key: String) -> QueryFields {
    guard let token = query.values("pageToken").first ?? nil,
      let filters = tokens.filters(in: token, of: ListName(key), for: account)
    else { return QueryFields(query) }
    return QueryFields(carried: filters)
  }

  /// The page that `pageSize` and `pageToken` ask for (B-PAGE-1, B-PAGE-5). Problems of the filters are said first.
  func page(of list: ListName, checking filters: QueryFields) throws(ParleyError) -> PageRequest {
    let fields = QueryFields(query, after: filters)
    let size = fields.first("pageSize", "must be a whole number from 1 to \(PageRequest.sizeMax)") { text in
      text.utf8.count <= 9 && text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
        ? Int(text).flatMap { (1...PageRequest.sizeMax).contains($0) ? $0 : nil } : nil
    }
    let cursor = fields.first("pageToken", "is not a token of this list") { tokens.open($0, of: list, for: account) }
    try fields.check()
    return PageRequest(size: size ?? PageRequest.sizeDefault, cursor: cursor)
  }
}

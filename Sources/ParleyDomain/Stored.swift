/// A resource as it is kept: the JSON that the API answers, and the value in it when a rule needs it.
package struct Stored<Value: DocumentValue>: Sendable {
  /// UTF-8 JSON text of one object.
  package let document: [UInt8]

  package init(document: [UInt8]) { self.document = document }

  package init(_ value: Value) {
    var writer = JSONWriter(capacity: 640)
    value.write(to: &writer)
    document = writer.bytes
  }

  /// The value; throws `DamagedDocument` if the document is none of ours.
  package func value() throws -> Value {
    do throws(JSONError) {
      if let object = try JSON.parse(document).object, let value = Value(document: object) { return value }
    } catch {
      throw DamagedDocument(reason: error.message)
    }
    throw DamagedDocument(reason: "a member is missing or of another form")
  }
}

/// A value whose document is its form on the wire.
package protocol DocumentValue: Sendable {
  /// Reads a document that `write` made; nil for any other.
  init?(document: JSON.Object)
  func write(to writer: inout JSONWriter)
}

/// A kept document that can't be read: the database was changed by something else.
package struct DamagedDocument: Error {
  package let reason: String

  package init(reason: String) { self.reason = reason }
}

extension [UInt8] {
  /// A JSON object's text with more members in front of its closing brace; `members` is their text without leading comma.
  package func joined(with members: [UInt8]) -> [UInt8] {
    var joined = Array(dropLast())
    joined.reserveCapacity(count + members.count + 1)
    if joined.last != UInt8(ascii: "{") { joined.append(UInt8(ascii: ",")) }
    joined.append(contentsOf: members)
    joined.append(UInt8(ascii: "}"))
    return joined
  }
}

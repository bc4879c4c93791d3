import Foundation
import ParleyDomain
import ParleyStorage

/// A file that is there and can't be read.
struct UnreadableFile: Error, CustomStringConvertible {
  let description: String
}

/// Small texts that people write for us: settings, keys, `account.env`, a secret on standard input. Lines end at a line feed; a carriage
/// return before it, and a byte order mark at the beginning, are dropped, because editors put them there.
enum TextFile {
  /// More is a mistake in the file's name.
  private static let bytesMax = 1 << 20

  /// One line without its end. A line with a `problem` must not be used.
  struct Line: Equatable {
    let number: Int
    let text: String
    var problem: String?
  }

  static func lines(_ bytes: [UInt8]) -> [Line] {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let bytes = bytes.starts(with: mark) ? bytes.dropFirst(mark.count) : bytes[...]
    let (feed, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
    var lines = bytes.split(separator: feed, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.enumerated().map { index, line in
      let line = line.last == carriageReturn ? line.dropLast() : line
      guard let text = String(validating: line, as: UTF8.self) else {
        return Line(number: index + 1, text: "", problem: "is not UTF-8 text")
      }
      return Line(number: index + 1, text: text, problem: hasControls(text) ? "has a control character" : nil)
    }
  }

  /// A value of the environment or a flag, whose one line end at the end is dropped, because files that are read into it have one; nil if
  /// there is any other control character.
  static func value(_ text: String) -> String? {
    var scalars = text.unicodeScalars[...]
    if scalars.last == "\n" { scalars.removeLast() }
    if scalars.last == "\r" { scalars.removeLast() }
    let value = String(scalars)
    return value.hasControlCharacters ? nil : value
  }

  /// The lines of a file; nil if there is none. Throws if it can't be read, is too large, or has a line that must not be used. `check`
  /// may refuse the file.
  static func read(_ path: String, check: (stat) throws -> Void = { _ in }) throws -> [Line]? {
    guard let bytes = try bytes(of: path, check: check) else { return nil }
    return try checked(lines(bytes), of: path)
  }

  /// The first line of standard input, without its end. What comes behind it is not waited for.
  static func firstLineOfInput() throws -> String {
    let place = "standard input"
    let line = lines(try read(STDIN_FILENO, place, onlyLine: true)).prefix(1)
    return try checked(Array(line), of: place).first?.text ?? ""
  }

  /// The bytes of a regular file, or of any other with `onlyRegular` false; nil if there is none.
  static func bytes(of path: String, onlyRegular: Bool = true, check: (stat) throws -> Void = { _ in }) throws -> [UInt8]? {
    // A pipe that nobody writes into would never open.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | (onlyRegular ? O_NONBLOCK : 0))
    if descriptor < 0 {
      let reason = errno
      var link = stat()
      if reason == ENOENT, lstat(path, &link) != 0 { return nil }
      throw UnreadableFile(description: "\(path) can't be read: \(String(cString: strerror(reason)))")
    }
    defer { close(descriptor) }
    var found = stat()
    guard fstat(descriptor, &found) == 0 else { throw StartFailure("\(path) can't be read: \(String(cString: strerror(errno)))") }
    if onlyRegular, found.st_mode & S_IFMT != S_IFREG { throw UnreadableFile(description: "\(path) is not a file") }
    try check(found)
    return try read(descriptor, path)
  }

  /// All bytes up to the end, or with `onlyLine` at least those up to the first line feed.
  private static func read(_ descriptor: Int32, _ place: String, onlyLine: Bool = false) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw StartFailure("\(place) can't be read: \(String(cString: strerror(errno)))") }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= bytesMax else { throw StartFailure("\(place) has more than \(bytesMax) bytes") }
      if onlyLine, buffer[..<count].contains(UInt8(ascii: "\n")) { return bytes }
    }
  }

  private static func checked(_ lines: [Line], of place: String) throws -> [Line] {
    for line in lines { if let problem = line.problem { throw StartFailure("line \(line.number) of \(place) \(problem)") } }
    return lines
  }

  /// Tabs are white space between names and values; inside a value they are refused by `value`.
  private static func hasControls(_ text: String) -> Bool {
    text.unicodeScalars.contains { $0 != "\t" && ($0.value < 0x20 || (0x7F..<0xA0).contains($0.value)) }
  }
}

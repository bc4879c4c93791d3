import Foundation

/// Paths as the kernel takes them. `..` behind a link leads out of the folder that the link leads to, so no part of a path may be dropped as
/// text.
package enum Folders {
  private static let slash = UInt8(ascii: "/")

  /// The folder of a file as its path says it; `.` if the path says none.
  package static func folder(of path: String) -> String {
    let bytes = withoutEndSlashes(Array(path.utf8)[...])
    guard let last = bytes.lastIndex(of: slash) else { return "." }
    return String(decoding: withoutEndSlashes(bytes[...last]), as: UTF8.self)
  }

  /// The last part of a path.
  static func name(of path: String) -> String {
    let bytes = withoutEndSlashes(Array(path.utf8)[...])
    return String(decoding: bytes.lastIndex(of: slash).map { bytes[($0 + 1)...] } ?? bytes, as: UTF8.self)
  }

  /// The path of a file in a folder.
  package static func path(of name: String, in folder: String) -> String {
    if folder == "." { return name }
    return folder.utf8.last == slash ? folder + name : "\(folder)/\(name)"
  }

  /// Makes a folder that only its owner can enter, and those above it, unless it is there.
  package static func make(_ folder: String) throws {
    guard !SQLiteFile.isThere(folder) else { return }
    var result = mkdir(folder, 0o700)
    let parent = self.folder(of: folder)
    if result != 0, errno == ENOENT, parent != folder {
      try make(parent)
      result = mkdir(folder, 0o700)
    }
    // Another process may have made it meanwhile.
    let reason = errno
    if result != 0, reason != EEXIST || !SQLiteFile.isThere(folder) {
      throw StartFailure("the folder \(folder) can't be made: \(systemError(reason))")
    }
  }

  /// A name for a file while it is written. It is one call's own: the file of another process that writes at the same time stays.
  package static func part(of path: String) -> String { "\(path).\(String(UInt64.random(in: .min ... .max), radix: 36)).part" }

  /// Gives a finished file its name. If it `replaces` nothing, that is false, with `errno`, when anything has the name.
  package static func put(_ part: String, at path: String, replaces: Bool) -> Bool {
    guard !replaces else { return rename(part, path) == 0 }
    guard link(part, path) == 0 else {
      // Some file systems have no second names.
      guard [EPERM, EOPNOTSUPP, ENOSYS].contains(errno) else { return false }
      var found = stat()
      guard lstat(path, &found) != 0 else {
        errno = EEXIST
        return false
      }
      return rename(part, path) == 0
    }
    unlink(part)
    return true
  }

  /// The root stays.
  private static func withoutEndSlashes(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes
    while bytes.count > 1, bytes.last == slash { bytes.removeLast() }
    return bytes
  }
}

import Foundation
import ParleyEngine
import ParleyStorage

/// The file of the secret key: base64 text that only its owner can read.
enum SecretKeyFile {
  /// Nil if there is no file; throws if it holds no key, or if others can read it.
  static func read(_ path: String) throws -> SecretKey? {
    let lines = try TextFile.read(path) { found in
      if let objection = objection(owner: found.st_uid, mode: found.st_mode, user: geteuid()) {
        throw StartFailure("\(path) \(objection): chown it to the server's user and chmod 600 it, or put the key into PARLEY_SECRET_KEY")
      }
    }
    guard let lines else { return nil }
    guard lines.filter({ !$0.text.isEmpty }).count == 1, let key = SecretKey(base64: lines.map(\.text).joined()) else {
      throw StartFailure("\(path) holds no key: 32 bytes in base64 (openssl rand -base64 32)")
    }
    return key
  }

  /// Why a key of that owner and mode must not be used by `user`. Root's own file may be open to others who are not root: it is a secret that
  /// somebody mounted for this process, and its mode is not this user's to change.
  static func objection(owner: uid_t, mode: mode_t, user: uid_t) -> String? {
    if user != 0, owner != user, owner != 0 { return "belongs to another user (\(owner)), who knows the key" }
    let octal = "0\(String(mode & 0o777, radix: 8))"
    if mode & 0o022 != 0 { return "can be changed by others (mode \(octal))" }
    if mode & 0o077 != 0, user == 0 || owner == user { return "can be read by others (mode \(octal))" }
    return nil
  }

  /// Makes a new key and its file, which is on the disk before anything is sealed with it. If another process makes the file meanwhile, its
  /// key is the one to use.
  static func make(_ path: String) throws -> SecretKey {
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<SecretKey.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    do {
      try PrivateFile.write(Data(bytes).base64EncodedString() + "\n", to: path, replaces: false)
    } catch {
      // What is there now says what is wrong with it, if anything is.
      guard let other = try read(path) else { throw error }
      return other
    }
    guard let key = try read(path) else { throw StartFailure("\(path) was removed while it was made") }
    return key
  }
}

/// Files that only their owner can read (mode 0600).
enum PrivateFile {
  /// Puts a file with the text in the place of what was there: whole or not at all, and on the disk on return. A link in its place is
  /// replaced and not followed. A file keeps its mode, and its owner if this process may give files away. If it `replaces` nothing, anything
  /// in its place is an error.
  static func write(_ text: String, to path: String, replaces: Bool = true) throws {
    let folder = Folders.folder(of: path)
    try Folders.make(folder)
    let part = Folders.part(of: path)
    let descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StartFailure("\(part) can't be made: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, keepOwner(of: path, descriptor), fsync(descriptor) == 0,
      Folders.put(part, at: path, replaces: replaces)
    else {
      let reason = errno
      unlink(part)
      throw StartFailure("\(path) can't be written: \(String(cString: strerror(reason)))")
    }
    let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  /// Gives a new file the owner and the mode of the one that it replaces. Root writes for the user who runs the server.
  private static func keepOwner(of path: String, _ descriptor: Int32) -> Bool {
    var found = stat()
    guard lstat(path, &found) == 0, found.st_mode & S_IFMT == S_IFREG else { return true }
    if geteuid() == 0, fchown(descriptor, found.st_uid, found.st_gid) != 0 { return false }
    return fchmod(descriptor, found.st_mode & 0o777) == 0
  }
}

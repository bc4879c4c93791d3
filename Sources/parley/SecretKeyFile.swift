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

  /// Makes a new key and its file, which is on the disk before anything is sealed with it.
  static func make(_ path: String) throws -> SecretKey {
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<SecretKey.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    guard let key = SecretKey(bytes) else { throw StartFailure("no key could be made") }
    try PrivateFile.write(Data(bytes).base64EncodedString() + "\n", to: path, replaces: false)
    return key
  }
}

/// Files that only their owner can read (mode 0600).
enum PrivateFile {
  /// Puts a file with the text in the place of what was there: whole or not at all, and on the disk on return. A link in its place is
  /// replaced and not followed. If it `replaces` nothing, anything in its place is an error.
  static func write(_ text: String, to path: String, replaces: Bool = true) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw StartFailure("the folder \(folder) can't be made: \(error.localizedDescription)")
    }
    let part = "\(path).part"
    let descriptor = try makePart(part)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0, put(part, at: path, replaces: replaces)
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

  /// A new file under this name. One that a process left which ended in the middle is removed; anything else that has the name is not ours.
  private static func makePart(_ part: String) throws -> Int32 {
    func make() -> Int32 { open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
    var descriptor = make()
    var found = stat()
    if descriptor < 0, errno == EEXIST, lstat(part, &found) == 0 {
      guard found.st_mode & S_IFMT == S_IFREG, found.st_uid == geteuid(), found.st_nlink == 1 else {
        throw StartFailure("\(part) is in the way and was not made by Parley: remove it")
      }
      unlink(part)
      descriptor = make()
    }
    guard descriptor >= 0 else { throw StartFailure("\(part) can't be made: \(String(cString: strerror(errno)))") }
    return descriptor
  }

  private static func put(_ part: String, at path: String, replaces: Bool) -> Bool {
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
}

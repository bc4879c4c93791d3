import Foundation
import ParleyEngine
import ParleyStorage

/// The file of the secret key: base64 text that only its owner can read.
enum SecretKeyFile {
  /// Nil if there is no file; throws if it holds no key.
  static func read(_ path: String) throws -> SecretKey? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw StartFailure("\(path) can't be read") }
    guard let key = SecretKey(base64: text) else {
      throw StartFailure("\(path) holds no key: 32 bytes in base64 (openssl rand -base64 32)")
    }
    return key
  }

  /// Makes a new key and its file, which is on the disk before anything is sealed with it.
  static func make(_ path: String) throws -> SecretKey {
    var random = SystemRandomNumberGenerator()
    let bytes = (0..<SecretKey.byteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    guard let key = SecretKey(bytes) else { throw StartFailure("no key could be made") }
    try PrivateFile.write(Data(bytes).base64EncodedString() + "\n", to: path)
    return key
  }
}

/// Files that only their owner can read (mode 0600).
enum PrivateFile {
  /// Puts a file with the text in the place of what was there: whole or not at all, and on the disk on return.
  static func write(_ text: String, to path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw StartFailure("the folder \(folder) can't be made: \(error.localizedDescription)")
    }
    let part = "\(path).part"
    let descriptor = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StartFailure("\(part) can't be written: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0, rename(part, path) == 0 else {
      throw StartFailure("\(path) can't be written: \(String(cString: strerror(errno)))")
    }
    let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }
}

import Foundation
import ParleyTesting
import Synchronization

/// The built command beside the tests.
enum Command {
  /// Swift puts the tests and what they test into one folder.
  static let path: String = {
    let folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    return folder.appendingPathComponent("parley").path
  }()

  /// Runs the command to its end, on `parley.db` in the folder. Nothing of the tests' own environment is passed on but where programs are.
  static func run(_ arguments: [String], in folder: URL, _ environment: [String: String] = [:]) async throws -> Finished {
    try await finish([path] + arguments, in: folder, ServerProcess.settings.merging(environment) { $1 })
  }

  /// Runs a line as a person would type it.
  static func shell(_ line: String, in folder: URL, _ environment: [String: String] = [:]) async throws -> Finished {
    try await finish(["/bin/sh", "-c", line], in: folder, environment)
  }

  private static func finish(_ command: [String], in folder: URL, _ environment: [String: String]) async throws -> Finished {
    let child = try Child(command, in: folder, environment)
    var output = ""
    for await part in child.output { output += part }
    return Finished(status: await child.end(), output: output, errors: child.errors)
  }
}

/// What a command that ended left.
struct Finished: CustomStringConvertible {
  let status: Int32
  let output: String
  let errors: String

  var description: String { "status \(status)\n\(output)\n\(errors)" }
}

/// A process of a test. It never outlives what a test may take.
final class Child: Sendable {
  /// Whatever runs longer hangs.
  private static let secondsMax = 600
  /// Goes to a folder and then becomes the command.
  private static let env = "/usr/bin/env"
  /// One starts at a time, or it could inherit the end of another's pipe before that is marked, and keep it open.
  private static let starting = NSLock()

  /// Standard output, as it comes.
  let output: AsyncStream<String>
  private let process: pid_t
  private let errorFile: URL
  private let ending: Ending

  /// Spawned and waited for by hand: Foundation's `Process` loses ends once the tests have more than 1,024 files open.
  init(_ command: [String], in folder: URL, _ environment: [String: String]) throws {
    errorFile = folder.appendingPathComponent("errors-\(UUID().uuidString)")
    Self.starting.lock()
    defer { Self.starting.unlock() }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw WireFailure("no pipe: \(errno)") }
    let (reading, writing) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(writing) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, writing, STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errorFile.path, O_WRONLY | O_CREAT | O_APPEND, 0o600)

    let values = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"].merging(environment) { $1 }
    let arguments = ([Self.env, "-C", folder.path] + command).map { strdup($0) } + [nil]
    let variables = values.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var spawned: pid_t = 0
    let code = posix_spawn(&spawned, Self.env, &actions, nil, arguments, variables)
    guard code == 0 else {
      close(reading)
      throw WireFailure("\(command[0]) can't be run: \(code)")
    }

    let (output, parts) = AsyncStream.makeStream(of: String.self)
    let (ending, watched) = (Ending(), spawned)
    (self.output, process, self.ending) = (output, watched, ending)
    Thread.detachNewThread {
      Self.read(reading) { parts.yield($0) }
      parts.finish()
    }
    Thread.detachNewThread { ending.set(Self.wait(for: watched)) }
    DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Self.secondsMax)) { if !ending.isSet { kill(watched, SIGKILL) } }
  }

  private static func read(_ descriptor: Int32, _ part: (String) -> Void) {
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { break }
      part(String(decoding: buffer[..<count], as: UTF8.self))
    }
    close(descriptor)
  }

  /// The exit status; a signal's number is told as shells do.
  private static func wait(for process: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
  }

  deinit { if !ending.isSet { kill(process, SIGKILL) } }

  /// What it wrote to standard error so far.
  var errors: String { String(decoding: (try? Data(contentsOf: errorFile)) ?? Data(), as: UTF8.self) }

  /// The number of the process.
  var id: pid_t { process }

  func signal(_ number: Int32) { if !ending.isSet { kill(process, number) } }

  /// Waits for the end, and answers the exit status.
  func end() async -> Int32 { await ending.status() }
}

/// The end of a process, once it is there.
private final class Ending: Sendable {
  private struct State {
    var status: Int32?
    var waiters: [CheckedContinuation<Int32, Never>] = []
  }

  private let state = Mutex(State())

  var isSet: Bool { state.withLock { $0.status != nil } }

  func set(_ status: Int32) {
    let waiters = state.withLock { state in
      state.status = status
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume(returning: status) }
  }

  func status() async -> Int32 {
    await withCheckedContinuation { continuation in
      let status = state.withLock { state in
        if state.status == nil { state.waiters.append(continuation) }
        return state.status
      }
      if let status { continuation.resume(returning: status) }
    }
  }
}

import Foundation

// What `script/bench` holds the server against. A tool of the developers, not a part of the product, so it reads its
// arguments by hand and says no more than it must.

do {
  var arguments = CommandLine.arguments.dropFirst()
  let command = arguments.popFirst()
  let options = try Options(Array(arguments))
  switch command {
  case "http": try await HTTPYardstick(options).run()
  case "sqlite": try SQLiteYardstick(options).run()
  case "seed": try Seed(options).run()
  case "commit": try CommitYardstick(options).run()
  case "receive": try await ReceiverYardstick(options).run()
  case "deliver": try await WebhookYardstick(options).run()
  case "load": try await LoadYardstick(options).run()
  default: throw YardstickError("unknown command \(command ?? "")\n\n\(usage)")
  }
} catch {
  FileHandle.standardError.write(Data("yardstick: \(error)\n".utf8))
  exit(1)
}

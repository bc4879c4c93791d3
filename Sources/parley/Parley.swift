import ArgumentParser
import Foundation

/// The command line: a list of the commands.
@main
struct Parley: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parley",
    abstract: "A self-hosted server of the Conversations API v2.",
    discussion: """
      Settings come from flags, then from PARLEY_… in the environment, then from the file that PARLEY_CONFIG names.

      Example: parley serve
      """,
    subcommands: [
      Serve.self, Listen.self, AccountCommand.self, KeyCommand.self, DeliveryCommand.self, ListenerCommand.self, WebhookCommand.self,
      Backup.self, DatabaseCommand.self, Health.self, VersionCommand.self,
    ])

  /// Far more than any command takes: to read tens of thousands takes the parser minutes.
  private static let argumentsMax = 1_100

  static func main() async {
    guard CommandLine.arguments.count <= argumentsMax else {
      say(
        "a command takes at most 1,100 arguments; parley delivery drop takes 1,000 ids, or --url or --conversation for all that wait there")
      Foundation.exit(64)
    }
    await main(nil)
  }
}

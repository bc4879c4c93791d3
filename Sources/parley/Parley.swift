import ArgumentParser

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
}

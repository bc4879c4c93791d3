import ParleyDomain

extension Transaction {
  /// URLs that the account's latest deliveries went to, each once.
  package func recentURLs(ofDeliveries deliveries: Int, limit: Int) throws -> [String] {
    try connection.all(
      """
      SELECT url FROM (SELECT url FROM delivery WHERE account_id = \(account) ORDER BY id DESC LIMIT \(Int64(deliveries))) AS recent
      GROUP BY url ORDER BY url LIMIT \(Int64(limit))
      """
    ) { $0.text(0) }
  }
}

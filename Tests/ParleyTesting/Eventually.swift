/// Asks again until the condition holds; throws if it does not within a time that no healthy machine needs.
package func eventually(_ condition: () async throws -> Bool) async throws {
  let end = ContinuousClock.now + .seconds(120)
  while ContinuousClock.now < end {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(20))
  }
  throw WireFailure("what was waited for did not come")
}

import ParleyDomain
import ParleyStorage
import Synchronization

/// Where everything is decided: the database, the clock, the ids and the rules of this installation, and a property for each plural.
package final class Engine: Sendable {
  package let database: any Database
  package let key: SecretKey
  package let callbacks: CallbackPolicy
  let places = CallbackPlaces()
  /// Rung when there may be something to do for the loop.
  package let alarm = Alarm()
  /// The places of the loop that runs; nil while there is none.
  var slots: LaneSlots? {
    get { openSlots.withLock { $0 } }
    set { openSlots.withLock { $0 = newValue } }
  }
  private let openSlots = Mutex<LaneSlots?>(nil)
  let resumed = Resumed()
  /// What the loop counts.
  package let webhooks = WebhookCounts()
  private let clock: @Sendable () -> Timestamp
  private let ids: IDGenerator

  /// `clock` and `ids` are the only sources of time and ids; tests fix both. The clock is the database's where none is given.
  package init(
    database: any Database, key: SecretKey, callbacks: CallbackPolicy, clock: (@Sendable () -> Timestamp)? = nil,
    ids: IDGenerator = IDGenerator()
  ) {
    self.database = database
    self.key = key
    self.callbacks = callbacks
    self.clock = clock ?? { database.now() }
    self.ids = ids
  }

  package func now() -> Timestamp { clock() }

  func newID<Resource: Identified>(_: Resource.Type, at now: Timestamp) -> TypeID<Resource> { ids.next(at: now) }

  package var accounts: Accounts { Accounts(engine: self) }
  package var configurations: Configurations { Configurations(engine: self) }
  package var operations: Operations { Operations(engine: self) }
  package var conversations: Conversations { Conversations(engine: self) }
  package var participants: Participants { Participants(engine: self) }
  package var deliveries: Deliveries { Deliveries(engine: self) }
  package var listeners: Listeners { Listeners(engine: self) }
  package var pauses: Pauses { Pauses(engine: self) }
  package var operatorActions: OperatorActions { OperatorActions(engine: self) }

  package var databaseMetrics: DatabaseMetrics { database.metrics }

  /// Throws unless the database answers and has a schema, and the loop goes round if there is to be one.
  package func checkReady() async throws {
    let number = try await database.readSystem { try $0.schemaNumber() }
    if number == 0 { throw ParleyError.unavailable(cause: "the database has no schema") }
    if !webhooks.now().isAlive { throw ParleyError.unavailable(cause: "the loop of background work stands still") }
  }
}

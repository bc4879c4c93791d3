import NIOCore

/// Stands first in a connection's pipeline, where there are only bytes. It holds back what comes behind a request until that is answered
/// and the answer taken, and closes a connection on which nothing moves (B-HTTP-14).
///
/// `MessageHandler`, behind the decoder, tells it which messages the bytes are.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  /// Sent down a pipeline, it is done once the client has taken all that was written before.
  struct Taken: Sendable {}

  /// Bytes that are decoded at a time, so that few requests are. A body whose length is known goes whole.
  private static let sliceBytes = 4 << 10
  /// How often it is looked whether a client that reads slowly reads at all.
  private static let looksPerWriting: Int64 = 12

  private let limits: ServerLimits
  private let isAdmitted: Bool
  private var context: ChannelHandlerContext?

  /// What was read behind a request that is being answered.
  private var held = CircularBuffer<ByteBuffer>()
  /// Whether the pipeline asked for more meanwhile, and whether the client has said that there is none.
  private var (holdsRead, holdsInputEnd) = (false, false)
  private var isInputEnded = false
  /// Requests whose answers have not been taken, and what is known of the one that is being read.
  private var unanswered = 0
  private var isReadingRequest = false
  private var bodyBytesLeft = 0
  /// The bytes are no HTTP any more.
  private var isBroken = false

  /// Answers, and interim ones, that have been begun and not been taken.
  private var unwritten = 0
  /// Ends of output that were asked for before that.
  private var heldEnds: [EventLoopPromise<Void>?] = []
  private var (bufferedBytes, lastTaken) = (0, NIODeadline.now())
  private var writingLook: Scheduled<Void>?

  private var lastActive = NIODeadline.now()
  private var idleLook: Scheduled<Void>?

  /// An answer was the last of the connection; it ends with its request.
  private var isLastAnswered = false
  private var isEnding = false
  private var discardedBytes = 0
  private var lingering: Scheduled<Void>?

  /// A connection that is not admitted is closed when it opens.
  init(limits: ServerLimits, isAdmitted: Bool) { (self.limits, self.isAdmitted) = (limits, isAdmitted) }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    for look in [writingLook, idleLook, lingering] { look?.cancel() }
    for promise in heldEnds { promise?.fail(ChannelError.ioOnClosedChannel) }
    heldEnds = []
    self.context = nil
  }

  func channelActive(context: ChannelHandlerContext) {
    guard isAdmitted else { return context.close(promise: nil) }
    lastActive = .now()
    lookForIdleness(in: limits.idle)
    context.fireChannelActive()
  }

  // MARK: - Reading

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    guard !isEnding else { return discardedBytes += bytes.readableBytes }
    held.append(bytes)
    feed(context)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if isEnding { readOn(context) } else { context.fireChannelReadComplete() }
  }

  func read(context: ChannelHandlerContext) {
    if isEnding {
      readOn(context)
    } else if held.isEmpty {
      context.read()
    } else {
      holdsRead = true
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard event as? ChannelEvent == .inputClosed else { return context.fireUserInboundEventTriggered(event) }
    isInputEnded = true
    if isEnding { return context.close(promise: nil) }
    if held.isEmpty { context.fireUserInboundEventTriggered(event) } else { holdsInputEnd = true }
  }

  /// Passes on what may be decoded now: one request, or all of a body.
  private func feed(_ context: ChannelHandlerContext) {
    while !isEnding, !isBroken, isReadingRequest || unanswered == 0, var bytes = held.popFirst() {
      let size = isReadingRequest ? max(bodyBytesLeft, Self.sliceBytes) : Self.sliceBytes
      if bytes.readableBytes > size, let slice = bytes.readSlice(length: size) {
        held.prepend(bytes)
        context.fireChannelRead(wrapInboundOut(slice))
      } else {
        context.fireChannelRead(wrapInboundOut(bytes))
      }
    }
  }

  /// Goes on with what was held back.
  private func resume() {
    guard let context, !isEnding else { return }
    feed(context)
    context.fireChannelReadComplete()
    guard held.isEmpty else { return }
    if holdsInputEnd {
      holdsInputEnd = false
      context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
    if holdsRead {
      holdsRead = false
      context.read()
    }
  }

  // MARK: - Writing

  /// Whether an answer has been begun that the client has not taken.
  var isWriting: Bool { unwritten > 0 }

  func flush(context: ChannelHandlerContext) {
    context.flush()
    // Most answers are taken at once, and need no clock.
    if unwritten > 0, writingLook == nil {
      (bufferedBytes, lastTaken) = (.max, .now())
      lookForProgress()
    }
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard event is Taken else { return context.triggerUserOutboundEvent(event, promise: promise) }
    context.writeAndFlush(wrapOutboundOut(.byteBuffer(ByteBuffer())), promise: promise)
  }

  /// The end of output waits for the answers, also where the client has ended its own.
  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .output, unwritten > 0 else { return context.close(mode: mode, promise: promise) }
    heldEnds.append(promise)
  }

  private func lookForProgress() {
    guard let context else { return }
    let buffered = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    // What is not there yet is not the client's fault.
    if buffered < bufferedBytes || buffered == 0 { lastTaken = .now() }
    bufferedBytes = buffered
    guard NIODeadline.now() < lastTaken + limits.writing else { return context.close(promise: nil) }
    let interval = TimeAmount.nanoseconds(limits.writing.nanoseconds / Self.looksPerWriting)
    writingLook = context.eventLoop.assumeIsolated().scheduleTask(in: interval) { self.lookForProgress() }
  }

  // MARK: - What the messages are

  /// A request's head was read; its body has so many bytes, or comes in chunks (0).
  func didReadHead(bodyBytes: Int) {
    unanswered += 1
    isReadingRequest = true
    bodyBytesLeft = max(bodyBytes, 0)
    lastActive = .now()
  }

  func didReadBody(_ bytes: Int) {
    bodyBytesLeft = max(bodyBytesLeft - bytes, 0)
    lastActive = .now()
  }

  func didReadEnd() {
    isReadingRequest = false
    endIfAnswered()
  }

  /// What came is no HTTP; nothing behind it is looked at.
  func didBreak() {
    (isBroken, isReadingRequest) = (true, false)
    endIfAnswered()
  }

  /// An answer is about to be written.
  func willWrite() { unwritten += 1 }

  /// The client has taken an interim answer.
  func didWriteInterim() { didWrite() }

  /// The client has taken an answer; behind the last one the connection ends.
  func didWriteAnswer(isLast: Bool) {
    unanswered = max(unanswered - 1, 0)
    lastActive = .now()
    didWrite()
    if isLast {
      end()
    } else if unanswered == 0, !held.isEmpty, let context {
      // Not at once: this may be called by what would be called.
      context.eventLoop.assumeIsolated().execute { self.resume() }
    }
  }

  private func didWrite() {
    unwritten -= 1
    // The others may have filled the buffer again, so that it does not show that something was taken.
    guard unwritten == 0 else { return lastTaken = .now() }
    writingLook?.cancel()
    writingLook = nil
    guard let context else { return }
    for promise in heldEnds { context.close(mode: .output, promise: promise) }
    heldEnds = []
  }

  // MARK: - Ending

  private func lookForIdleness(in time: TimeAmount) {
    guard let context else { return }
    idleLook = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
      let now = NIODeadline.now()
      // Others wait for the server, or have a clock of their own.
      let isClients = self.unwritten == 0 && (self.unanswered == 0 || self.isReadingRequest)
      let end = (isClients ? self.lastActive : now) + self.limits.idle
      if now < end { self.lookForIdleness(in: end - now) } else { self.context?.close(promise: nil) }
    }
  }

  /// Ends the connection behind the last answer, which the client has taken, once its request has been read.
  func end() {
    isLastAnswered = true
    endIfAnswered()
  }

  /// Says that nothing more comes. What the client still sends is dropped for a while, or it might not get to read what it was told.
  private func endIfAnswered() {
    guard isLastAnswered, !isReadingRequest, !isEnding, let context else { return }
    isEnding = true
    held.removeAll()
    guard !isInputEnded else { return context.close(promise: nil) }
    context.close(mode: .output, promise: nil)
    lingering = context.eventLoop.assumeIsolated().scheduleTask(in: limits.lingering) { self.context?.close(promise: nil) }
    readOn(context)
  }

  private func readOn(_ context: ChannelHandlerContext) {
    if discardedBytes < BodyReader.refusedBytesMax { context.read() }
  }
}

import Testing

/// Tests of the built command, one after the other: each starts processes of its own, and two cores are soon used up.
@Suite(.serialized) enum ServerTests {}

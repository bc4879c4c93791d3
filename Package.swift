// swift-tools-version:6.2
import PackageDescription

/// Settings of our own targets. Warnings are errors there; dependencies keep their own rules.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
  // The targets are a house for readers; the compiler may see through its walls.
  .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

/// What `parley version` says it was built from.
let commit = (Context.gitInformation?.currentCommit ?? "") + (Context.gitInformation?.hasUncommittedChanges == true ? "+" : "")

let package = Package(
  name: "parley",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "parley", targets: ["parley"])],
  dependencies: [
    .package(url: "https://github.com/hummingbird-project/hummingbird.git", exact: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser.git", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections.git", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto.git", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types.git", exact: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log.git", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl.git", exact: "2.37.6"),
    .package(url: "https://github.com/swift-server/async-http-client.git", exact: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", exact: "2.13.0"),
  ],
  targets: [
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(name: "ParleyDomain", swiftSettings: strict),
    .target(
      name: "ParleyStorage",
      dependencies: ["ParleyDomain", "CSQLite", "CPostgres", crypto, .product(name: "DequeModule", package: "swift-collections")],
      swiftSettings: strict),
    .target(
      name: "ParleyEngine",
      dependencies: [
        "ParleyDomain", "ParleyStorage", asyncHTTPClient, nioCore, nioHTTP1, nioPosix, nioSSL, serviceLifecycle, logging,
        crypto,
      ],
      swiftSettings: strict),
    .target(
      name: "ParleyAPI",
      dependencies: [
        "ParleyDomain", "ParleyEngine", hummingbirdCore, serviceLifecycle, httpTypes, nioCore, nioHTTP1, nioPosix, logging, crypto,
      ],
      swiftSettings: strict),
    .target(name: "CBuild", cSettings: [.define("PARLEY_COMMIT", to: "\"\(commit)\"")]),
    .executableTarget(
      name: "parley",
      dependencies: [
        "CBuild", "ParleyDomain", "ParleyStorage", "ParleyEngine", "ParleyAPI", asyncHTTPClient, hummingbirdCore, httpTypes, logging,
        nioCore, nioHTTP1, nioPosix, serviceLifecycle, .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: strict),
    // What script/bench measures the server against; no part of the product.
    .executableTarget(
      name: "yardstick", dependencies: ["CSQLite", asyncHTTPClient, hummingbird, httpTypes, nioCore, nioHTTP1, nioPosix, crypto],
      swiftSettings: strict),

    .target(
      name: "ParleyTesting",
      dependencies: [
        "ParleyDomain", "ParleyStorage", "ParleyEngine", "ParleyAPI", nioCore, nioPosix, nioHTTP1, nioSSL, httpTypes, logging,
        serviceLifecycle,
      ],
      path: "Tests/ParleyTesting", swiftSettings: strict),
    .testTarget(name: "ParleyDomainTests", dependencies: ["ParleyDomain"], swiftSettings: strict),
    .testTarget(name: "ParleyStorageTests", dependencies: ["ParleyTesting"], swiftSettings: strict),
    .testTarget(name: "ParleyEngineTests", dependencies: ["ParleyTesting"], swiftSettings: strict),
    .testTarget(name: "ParleyAPITests", dependencies: ["ParleyTesting"], exclude: ["__Exchanges__"], swiftSettings: strict),
    .testTarget(name: "ParleyServerTests", dependencies: ["ParleyTesting", "parley"], swiftSettings: strict),
    .testTarget(name: "TidyTests", swiftSettings: strict),
  ]
)

import Testing

@testable import ParleyStorage

/// Which texts name a database, and what of them people get to see.
@Suite("URLs of databases")
struct PostgresURLTests {
  @Test(
    "Every form that libpq takes is taken as it is, and its place is user, hosts, ports and name alone",
    arguments: [
      ("postgres://parley@db:5433/conversations", "postgres://parley@db:5433/conversations"),
      ("postgresql://parley@db:5433/conversations", "postgres://parley@db:5433/conversations"),
      ("postgres://db/conversations", "postgres://db/conversations"),
      ("postgres://db", "postgres://db/"),
      ("postgres://", "postgres:///"),
      ("postgres:///conversations", "postgres:///conversations"),
      ("postgres://parley:secret@db/conversations", "postgres://parley@db/conversations"),
      ("postgres://db/conversations?user=parley&password=secret", "postgres://parley@db/conversations"),
      ("postgres://parley@db/conversations?sslpassword=secret", "postgres://parley@db/conversations"),
      ("postgres://first:5432,second:5433/conversations", "postgres://first:5432,second:5433/conversations"),
      (
        "postgres://parley@first,second,third/conversations?target_session_attrs=read-write",
        "postgres://parley@first,second,third/conversations"
      ),
      ("postgres://first,second/conversations?port=5433", "postgres://first:5433,second:5433/conversations"),
      ("postgres://[::1]:5433/conversations", "postgres://[::1]:5433/conversations"),
      ("postgres://parley@127.0.0.1:5432/conversations", "postgres://parley@127.0.0.1:5432/conversations"),
      ("postgres:///conversations?hostaddr=127.0.0.1", "postgres://127.0.0.1/conversations"),
      ("postgres:///conversations?host=/var/run/postgresql&user=parley", "postgres://parley@/var/run/postgresql/conversations"),
      ("postgres://parley@%2Fvar%2Frun%2Fpostgresql/conversations", "postgres://parley@/var/run/postgresql/conversations"),
      ("postgres://db/conversations?sslmode=verify-full&sslrootcert=/etc/ca.pem", "postgres://db/conversations"),
      ("postgres://db/conversations?application_name=node-1", "postgres://db/conversations"),
      ("postgres://db/conversations?options=-c%20search_path%3Dparley", "postgres://db/conversations"),
      ("postgres://db/conversations?passfile=/etc/parley/pgpass", "postgres://db/conversations"),
      ("postgres://db/conversations?connect_timeout=3&keepalives_idle=30", "postgres://db/conversations"),
      ("postgres://db:1/conversations", "postgres://db:1/conversations"),
      ("postgres://db:65535/conversations", "postgres://db:65535/conversations"),
      ("postgres://us%40er@db/conversations", "postgres://us@er@db/conversations"),
    ])
  func taken(text: String, place: String) throws {
    let url = try #require(PostgresURL(text))
    #expect(url.text == text)
    #expect(url.place == place)
    #expect(PostgresURL.isOne(text))
  }

  @Test(
    "A password is known to be there wherever in the URL it stands, and never is in the place",
    arguments: [
      ("postgres://parley:s3cret@db/conversations", true),
      ("postgres://:s3cret@db/conversations", true),
      ("postgres://parley:s3cret@/conversations?host=/run", true),
      ("postgres://db/conversations?password=s3cret", true),
      ("postgres://parley:%40%3A%2Fs3cret@first:1,second:2/conversations", true),
      // The key of a certificate has one, too.
      ("postgres://parley@db/conversations?sslkey=/etc/key.pem&sslpassword=s3cret", true),
      // What libpq reads as meant needs no encoding.
      ("postgres://parley:a:s3cret@db/conversations", true),
      ("postgres://parley:a?s3cret@db/conversations", true),
      ("postgres://parley@db/conversations", false),
      ("postgres://parley:@db/conversations", false),
      ("postgres://db/conversations?passfile=/etc/parley/pgpass", false),
    ])
  func passwords(text: String, hasPassword: Bool) throws {
    let url = try #require(PostgresURL(text))
    #expect(url.hasPassword == hasPassword)
    #expect(!url.place.contains("s3cret"))
    #expect(DatabaseLocation(text)?.hasPassword == hasPassword)
    #expect(DatabaseLocation(text)?.place == url.place)
  }

  @Test(
    "What libpq can't read is refused, and so is a password whose raw signs would become a host, a port or a name",
    arguments: [
      "postgres://parley:p@ss@db/conversations", "postgres://parley:@ss@db/conversations", "postgres://parley:pass@@db/conversations",
      "postgres://parley:p/ss@db/conversations", "postgres://parley:12/ss@db/conversations", "postgres://parley:/pass@db/conversations",
      "postgres://parley:12/s?s@db/conversations", "postgres://parley:12/s?host=s@db/conversations",
      "postgres://db:0/conversations", "postgres://db:65536/conversations", "postgres://db:-1/conversations",
      "postgres://db:port/conversations", "postgres://db:5432x/conversations", "postgres://first:5432,second:0/conversations",
      "postgres://db/conversations?port=none", "postgres://db/conversations?unknown=1", "postgres://db/conversations?sslmode",
      "postgres://db/conversations%2", "postgres://[::1/conversations", "postgres://db/one/two",
    ])
  func refused(text: String) {
    #expect(PostgresURL(text) == nil)
    #expect(DatabaseLocation(text) == nil)
  }

  @Test(
    "Anything but sqlite:, postgres:// and postgresql:// is no database",
    arguments: [
      "", "parley.db", "/data/parley.db", "mysql://db/conversations", "postgres:db", "postgres:/db", "POSTGRES://db/conversations",
      "host=db dbname=conversations", " postgres://db/conversations", "http://db", "SQLITE:parley.db", "sqlite", "sqlite:", "sqlite://",
      "sqlite://parley.db", "sqlite:////parley.db",
    ])
  func otherSchemes(text: String) {
    #expect(DatabaseLocation(text) == nil)
    #expect(PostgresURL(text) == nil)
  }

  @Test(
    "A file is named by a relative or an absolute path, and is beside what belongs to it",
    arguments: [
      ("sqlite:parley.db", "parley.db", "."), ("sqlite:data/parley.db", "data/parley.db", "data"),
      ("sqlite:./data/parley.db", "./data/parley.db", "./data"), ("sqlite:/data/parley.db", "/data/parley.db", "/data"),
      ("sqlite:///data/parley.db", "/data/parley.db", "/data"), ("sqlite:a b?c#d%20.db", "a b?c#d%20.db", "."),
    ])
  func files(text: String, path: String, folder: String) throws {
    let location = try #require(DatabaseLocation(text))
    #expect(location == .sqlite(path: path))
    #expect(location.place == path)
    #expect(location.folder == folder)
    #expect(!location.hasPassword)
  }

  @Test("A database of a server has no folder")
  func noFolder() throws {
    #expect(try #require(DatabaseLocation("postgres://db/conversations")).folder == nil)
  }
}

-- The state of a synced folder as the first version of its schema had it.
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE base (id TEXT PRIMARY KEY, path TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL) STRICT;
CREATE TABLE digest (
  number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, settled INTEGER NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL
) STRICT;
CREATE TABLE block (file INTEGER NOT NULL, start INTEGER NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (file, start)) STRICT, WITHOUT ROWID;
CREATE INDEX block_digest ON block (digest);
CREATE TABLE pending_commit (path TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE pending_arrival (path TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
INSERT INTO about VALUES ('epoch', '7');
INSERT INTO base VALUES ('00000000-0000-4000-8000-000000000001', 'a.txt', 3, 'abababababababababababababababababababababababababababababababab', 5);
INSERT INTO pending_commit VALUES ('b.txt', '{"commitId":"00000000-0000-4000-8000-00000000000c","path":"b.txt","blocks":[{"digest":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","sizeBytes":4}],"sha256":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","sizeBytes":4,"metadata":{}}');
INSERT INTO pending_arrival VALUES ('c.txt', '{"id":"00000000-0000-4000-8000-000000000002","path":"c.txt","version":1,"sha256":"efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef","sizeBytes":6}');

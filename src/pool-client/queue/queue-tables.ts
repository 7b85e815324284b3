/** Tables of a queue, and rows as what they stand for. */

import type { QueuedFile } from './store.ts'

export const TABLES = `
  CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE batch (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE file (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, at INTEGER NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, metadata TEXT NOT NULL,
    bytes TEXT NOT NULL UNIQUE, queued_at INTEGER NOT NULL, not_before INTEGER NOT NULL DEFAULT 0, batch TEXT, position INTEGER, refused TEXT, reason TEXT, UNIQUE (name, at)
  ) STRICT;
  CREATE INDEX file_at ON file (at, id);
  CREATE INDEX file_batch ON file (batch, position);
  CREATE TABLE origin (number INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL) STRICT;
  CREATE TABLE total (sent INTEGER NOT NULL) STRICT;
  INSERT INTO total (sent) VALUES (0)
`

export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const number = (value: unknown): number => (typeof value === 'number' ? value : 0)

export const fileOf = (row: Record<string, unknown>): QueuedFile => ({
  id: number(row['id']),
  name: text(row['name']),
  at: number(row['at']),
  sizeBytes: number(row['size']),
  sha256: text(row['sha256']),
  mediaType: text(row['media_type']),
  metadata: JSON.parse(text(row['metadata'])) as Record<string, string>,
  queuedAt: number(row['queued_at']),
  notBefore: number(row['not_before']),
  refused: row['refused'] === null ? null : { code: text(row['refused']), text: text(row['reason']) }
})

/** One example of every message about users' files: see samples.ts. */

import type { RequestOf, ResponseOf, UserFileMessages } from '../../src/protocol/messages.ts'
import { chunkIdFromDigest } from '../../src/protocol/ids.ts'
import type { EntryId, FileId, Generation, PeerId, SecretHash, UserId } from '../../src/types.ts'

type Samples = {
  [K in keyof UserFileMessages]: {
    request: RequestOf<UserFileMessages, K>
    response: ResponseOf<UserFileMessages, K>
  }
}

const now = 1_795_262_460_000
const user = '00000000-0000-4000-8000-000000000004' as UserId
const id = '00000000-0000-4000-8000-000000000008' as EntryId
const fileId = '00000000-0000-4000-8000-000000000001' as FileId
const actor: RequestOf<UserFileMessages, 'getEntry'>['actor'] = {
  user,
  role: 'user',
  scopes: ['files:read', 'files:write']
}
const administrator = { user, role: 'admin' } as const
const tokenHash = 'ab'.repeat(32) as SecretHash
const deleteHash = 'ef'.repeat(32) as SecretHash
const path = 'Bücher/2026/résumé.pdf'
const generation = 42 as Generation
const peer = '12D3KooWQ7L2WGSUSQ6c3fWVUBxMoE8sLfGAAn6pHQ6F2PF8YB9B' as PeerId
const chunk = chunkIdFromDigest(new Uint8Array(32).fill(1))

const version: ResponseOf<UserFileMessages, 'getEntry'>['version'] = {
  number: 3,
  status: 'cached',
  file: fileId,
  uploadedAt: now,
  sizeBytes: 5_000_000_000,
  indexBytes: 0,
  encryption: null,
  mediaType: 'application/pdf',
  sha256: '0a'.repeat(32),
  metadata: { project: 'x' },
  chunkCount: 1193,
  code: null,
  attempts: 1
}
const failed: typeof version = {
  number: 4,
  status: 'upload_failed',
  file: null,
  uploadedAt: now + 1,
  sizeBytes: 0,
  indexBytes: 0,
  encryption: null,
  mediaType: 'application/pdf',
  sha256: null,
  metadata: {},
  chunkCount: 0,
  code: 'not-enough-nodes',
  attempts: 3
}
const entry: ResponseOf<UserFileMessages, 'moveEntry'>['entry'] = {
  id,
  owner: user,
  path,
  createdAt: now - 2,
  changedAt: now,
  expiresAt: now + 86_400_000,
  current: version,
  failed
}
const file: ResponseOf<UserFileMessages, 'shareEntry'>['file'] = {
  id: fileId,
  name: 'résumé.pdf',
  sizeBytes: 5_000_000_000,
  mediaType: 'application/pdf',
  sha256: '0a'.repeat(32),
  uploadedAt: now,
  metadata: { project: 'x' },
  chunkCount: 1193,
  manifest: chunkIdFromDigest(new Uint8Array(32).fill(2)),
  state: 'live',
  indexBytes: 0,
  encryption: null
}
const link: ResponseOf<UserFileMessages, 'shareEntry'>['link'] = {
  tokenHash,
  fileId,
  state: 'live',
  downloads: 2,
  claimed: 1,
  createdAt: now,
  expiresAt: now + 172_800_000,
  isProtected: false,
  needsProof: false
}
const chunks = [
  {
    index: 0,
    id: chunk,
    sizeBytes: 4_194_304,
    generation,
    copies: [{ peer, host: 'lab-7', generation, boot: 1_795_262_400_123 }]
  }
]

export const userFileSamples: Samples = {
  getEntry: { request: { actor, id, version: 3 }, response: { entry, version, now } },
  findEntry: { request: { actor, owner: user, path }, response: { entry, next: 5 } },
  listEntries: {
    request: {
      actor: administrator,
      owner: user,
      folder: 'Bücher',
      recursive: true,
      search: 'résumé',
      sort: 'date',
      order: 'descending',
      after: { id, owner: user, path, value: now },
      limit: 100
    },
    response: { entries: [entry], next: { id, owner: user, path, value: now }, now }
  },
  listFolders: {
    request: { actor, owner: user, folder: 'Bücher', after: 'Bücher/2025', limit: 100 },
    response: { folders: ['Bücher/2026'], more: true }
  },
  listVersions: {
    request: { actor, id, before: 5, limit: 100 },
    response: { versions: [failed, version], current: 3, more: false }
  },
  moveEntry: {
    request: { actor, id, version: 3, basePath: path, path: 'a/b.pdf' },
    response: { entry: { ...entry, failed: null } }
  },
  moveFolder: {
    request: { actor, owner: user, from: 'Bücher', to: 'Archiv/Bücher' },
    response: { moved: 0, conflict: { code: 'path-taken', path: 'Archiv/Bücher/résumé.pdf' } }
  },
  deleteFolder: {
    request: { actor, owner: user, folder: 'Bücher', limit: 500 },
    response: { deleted: 500, more: true }
  },
  changeEntry: {
    request: { actor, id, version: 3, metadata: { project: 'y' }, expiresAt: null },
    response: { entry: { ...entry, expiresAt: null } }
  },
  restoreVersion: { request: { actor, id, version: 1 }, response: { entry } },
  deleteVersion: { request: { actor, id, version: 1 }, response: { entry: null } },
  pruneVersions: { request: { actor, id, keep: 1 }, response: { pruned: 2 } },
  deleteEntry: { request: { actor, id, version: 3, basePath: path }, response: { deleted: true } },
  openContent: { request: { actor, id, version: 3 }, response: { file, chunks, entry, version, now } },
  shareEntry: {
    request: {
      actor,
      id,
      version: 3,
      link: { tokenHash, deleteHash, downloads: 2, expiresAt: now + 172_800_000 }
    },
    response: { link, file, version: 3, now }
  },
  listShares: {
    request: { actor, id, after: { createdAt: now, tokenHash }, limit: 100 },
    response: { shares: [{ link, version: 3 }], now }
  },
  revokeShare: {
    request: { actor, id, share: 'abababababababab' },
    response: { link: { ...link, state: 'revoked' } }
  },
  spaceOf: { request: { actor, user }, response: { usedBytes: 5_000_000_000, quotaBytes: null } },
  spaceOfAll: { request: { actor: administrator }, response: { usersBytes: 5_000_000_000, linksBytes: 0 } }
}

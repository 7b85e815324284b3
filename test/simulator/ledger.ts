/** What the clients of a schedule did and were told, and what the metadata answered: the histories that checks judge. */

import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkId, SecretHash } from '../../src/types.ts'
import { CHUNK_BYTES } from './settings.ts'

export const INVARIANTS = {
  A: 'no acknowledged chunk is lost',
  B: 'bytes served always match',
  C: 'at most one claimant per slot of a link',
  D: 'no partial upload is visible',
  E: 'memory is given back',
  F: 'clean within 120 s of healing, beside the repair delay',
  G: 'no secret in a log',
  H: 'an error means unknown: a retry is idempotent',
  deleted: 'no deleted byte comes back, and none stays',
  versions: "what was acknowledged of a user's file is there, the newest counts, and what was deleted is not",
  rights: 'nobody reaches the files of others',
  quota: 'what is counted is what is there',
  settled: 'uploads come to an end that is told',
  events: 'every change is told, in order, at least once, and a repeat can be told from a new one',
  batches: 'all files of an acknowledged batch are in groups, and none of one that was given up',
  groups: 'each file is in one group, once, and a group is what it counts, and closes when it may',
  results: 'a group has one result: that of the server whose fence was the last',
  folders: 'synced folders are equal in the end',
  writings:
    'what somebody wrote and nobody ended, who had seen it, is there, and what was deleted does not come back',
  surprise: 'nothing happens that nobody handles'
} as const

export type Invariant = keyof typeof INVARIANTS

export interface Violation {
  readonly invariant: Invariant
  readonly text: string
}

/** Ends the schedule. */
export class ViolationError extends Error {
  readonly violation: Violation

  constructor(invariant: Invariant, text: string) {
    super(`${invariant}: ${text}`)
    this.violation = { invariant, text }
  }
}

/** Somebody with a claim secret, whatever edge it talks to. */
export interface Claimant {
  readonly name: string
  /** Undefined: the edge is to make one at the next attempt. */
  secret: string | undefined
  readonly origin: 'client' | 'edge'
  /** When it asked first with this secret, virtual ms. */
  askedAtMs: number
  /** The first header of an answer came: it is a claimant. */
  granted: boolean
  /** Bytes it has, from the first on. */
  gotBytes: number
  state: 'open' | 'done' | 'refused'
}

/** Content that somebody sent. */
export interface Kept {
  /** For a person. */
  readonly label: string
  /** With the manifest, once that is known. */
  readonly all: readonly ChunkId[]
  readonly startedAtMs: number
}

/** What the disks are to hold. */
export interface Holdings {
  /** What everybody may rely on now. */
  kept(nowMs: number): Kept[]
  /** Acknowledged, whatever became of it, or under way. */
  relied(): Kept[]
  /** All of it. */
  sent(): Kept[]
}

/** Several as one. */
export const together = (parts: readonly Holdings[]): Holdings => ({
  kept: (nowMs) => parts.flatMap((part) => part.kept(nowMs)),
  relied: () => parts.flatMap((part) => part.relied()),
  sent: () => parts.flatMap((part) => part.sent())
})

export interface SimFile {
  readonly index: number
  readonly content: Uint8Array
  readonly sha256: string
  /** Of its content; the manifest's comes with the acknowledgement. */
  readonly chunks: readonly ChunkId[]
  readonly downloads: number
  readonly ttlMs: number
  startedAtMs: number
  /** `failed`: the uploader was told no; `unknown`: told nothing. */
  upload: 'open' | 'acknowledged' | 'failed' | 'unknown'
  share: { token: string; tokenHash: SecretHash; deleteSecret: string; manifest: ChunkId } | undefined
  /** `asked`: nobody knows whether it was withdrawn. */
  revoked: 'no' | 'asked' | 'yes'
  readonly claimants: Claimant[]
  /** An edge made a claim of whose secret nobody ever heard: nobody may be able to come with it. */
  mayBeSpent: boolean
  /** After the loss of a controller nobody knew what became of its link, and the operator left it so: somebody had been granted it. */
  suspended: boolean
}

export class Ledger implements Holdings {
  readonly files: SimFile[] = []
  /** Claims that the metadata said yes to and that were not taken back. */
  readonly granted = new Map<SecretHash, Set<SecretHash>>()
  readonly slots = new Map<SecretHash, number>()

  get acknowledged(): SimFile[] {
    return this.files.filter((file) => file.upload === 'acknowledged')
  }

  /** Files that everybody may rely on: acknowledged, and nobody has begun to end them. */
  live(nowMs: number): SimFile[] {
    return this.acknowledged.filter(
      (file) => file.revoked === 'no' && !hasExpired(file, nowMs) && !isSpent(file)
    )
  }

  kept(nowMs: number): Kept[] {
    return this.live(nowMs).map(keptOf)
  }

  relied(): Kept[] {
    return this.files.filter(({ upload }) => upload === 'acknowledged' || upload === 'open').map(keptOf)
  }

  sent(): Kept[] {
    return this.files.map(keptOf)
  }

  /** Everything that must not be logged. */
  secrets(): string[] {
    const shares = this.acknowledged.flatMap(({ share }) => (share ? [share.token, share.deleteSecret] : []))
    const claims = this.files.flatMap(({ claimants }) => claimants.flatMap(({ secret }) => secret ?? []))
    return [...shares, ...claims]
  }

  /** @throws C */
  claimed(tokenHash: SecretHash, claimHash: SecretHash): void {
    const claims = this.granted.get(tokenHash) ?? new Set()
    this.granted.set(tokenHash, claims)
    claims.add(claimHash)
    const slots = this.slots.get(tokenHash) ?? 1
    if (claims.size > slots)
      throw new ViolationError('C', `${claims.size} claims were made of a link with ${slots}`)
  }

  /** Who was told of a claim is known by its clients; the others are forgotten with the metadata. */
  metadataLost(): void {
    this.granted.clear()
  }

  released(tokenHash: SecretHash, claimHash: SecretHash): void {
    this.granted.get(tokenHash)?.delete(claimHash)
  }
}

/** The chunks that the file writer cuts. */
export function chunksOf(content: Uint8Array): ChunkId[] {
  const chunks: ChunkId[] = []
  for (let at = 0; at < content.byteLength; at += CHUNK_BYTES)
    chunks.push(chunkIdOf(content.subarray(at, at + CHUNK_BYTES)))
  return chunks
}

/** All chunks of an acknowledged file. */
export const allChunks = (file: SimFile): ChunkId[] =>
  file.share === undefined ? [...file.chunks] : [...file.chunks, file.share.manifest]

const keptOf = (file: SimFile): Kept => ({
  label: `file ${file.index}`,
  all: allChunks(file),
  startedAtMs: file.startedAtMs
})

/** Expiry as the store sees it can differ by the skew of its clock's slew; this is the cautious answer. */
export const hasExpired = (file: SimFile, nowMs: number): boolean =>
  nowMs - file.startedAtMs > file.ttlMs * 0.8 - 2000

/** Every slot was used by somebody who got everything: the data may be gone. */
export const isSpent = (file: SimFile): boolean =>
  file.claimants.filter((claimant) => claimant.state === 'done').length >= file.downloads

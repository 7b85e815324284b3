/** Opens what a crash left with the real stores, and compares it with what was promised before. */

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { SqliteMetadataStore } from '../../../src/metadata/sqlite-metadata-store.ts'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { chunkIdFromDigest } from '../../../src/protocol/ids.ts'
import { hashSecret } from '../../../src/protocol/secrets.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { silentLogger } from '../../../src/runtime/logger.ts'
import type { ChunkId, FileId, SecretHash } from '../../../src/types.ts'
import { auditFile } from '../../metadata/audit.ts'

const fact = z.discriminatedUnion('did', [
  z.object({ did: z.literal('started'), node: z.string(), peer: z.string() }),
  z.object({
    did: z.literal('upload'),
    tokenHash: z.string(),
    file: z.string(),
    manifest: z.string(),
    sha256: z.string()
  }),
  z.object({ did: z.literal('claim'), tokenHash: z.string() }),
  z.object({ did: z.literal('revoking'), tokenHash: z.string() }),
  z.object({ did: z.literal('revoke'), tokenHash: z.string() }),
  z.object({ did: z.literal('end') })
])
type Fact = z.output<typeof fact>

/** Copies that every chunk of an acknowledged file has. */
const COPIES_MIN = 2
const COPIES_SQL = `
  select k.digest, n.name as peer from copies k join names n on n.no = k.peer
  join chunks c on c.digest = k.digest and c.generation = k.generation and c.state = 'live'`

export const parseFacts = (lines: readonly string[]): Fact[] =>
  lines.filter((line) => line.startsWith('{')).map((line) => fact.parse(JSON.parse(line)))

/** What is wrong with the image, one sentence each. Changes the image. */
export async function checkImage(folder: string, facts: readonly Fact[]): Promise<string[]> {
  const peers = new Map<string, string>()
  for (const one of facts) if (one.did === 'started') peers.set(one.peer, one.node)
  // before the first node was there nothing can have been promised
  if (peers.size === 0) return []
  await using opened = new AsyncDisposableStack()
  const file = join(folder, 'controller', 'metadata.db')
  const metadata = new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })
  const nodes = new Map<string, LevelChunkStore>()
  try {
    await metadata.open()
    opened.defer(() => metadata.close())
    for (const node of new Set(peers.values())) {
      const store = new LevelChunkStore({
        folder: join(folder, node, 'chunks'),
        clock: systemClock,
        capacityBytes: 0
      })
      await store.open()
      opened.defer(() => store.close())
      nodes.set(node, store)
    }
  } catch (error) {
    return [`a store does not open: ${String(error)}`]
  }
  const check = new ImageCheck(metadata, nodes)
  for (const one of facts) {
    if (one.did === 'upload') await check.upload(one, facts)
    if (one.did === 'claim') await check.claim(one.tokenHash as SecretHash)
    if (one.did === 'revoke') await check.revoke(one.tokenHash as SecretHash)
  }
  await metadata.close()
  const recorded = recordedCopies(file).map(async ({ digest, peer }) => {
    const store = nodes.get(peers.get(peer) ?? '')
    const id = chunkIdFromDigest(digest)
    const held = store !== undefined && (await bytesOf(store, id)) !== undefined
    return held ? [] : [`${peers.get(peer) ?? peer} does not hold ${id}, which is on record`]
  })
  return [...check.wrong, ...auditFile(file), ...(await Promise.all(recorded)).flat()]
}

/** Every copy that is on record stands for a receipt, which stands for a sync: the node must have it. */
function recordedCopies(file: string): Array<{ digest: Uint8Array; peer: string }> {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    return z
      .array(z.object({ digest: z.instanceof(Uint8Array), peer: z.string() }))
      .parse(database.prepare(COPIES_SQL).all())
  } finally {
    database.close()
  }
}

const bytesOf = async (store: LevelChunkStore, id: ChunkId): Promise<Uint8Array | undefined> =>
  await store.get(id).catch(() => undefined) // not there, or damaged: both mean that it is not held

class ImageCheck {
  readonly wrong: string[] = []
  readonly #metadata: SqliteMetadataStore
  readonly #nodes: ReadonlyMap<string, LevelChunkStore>

  constructor(metadata: SqliteMetadataStore, nodes: ReadonlyMap<string, LevelChunkStore>) {
    this.#metadata = metadata
    this.#nodes = nodes
  }

  async upload(upload: Extract<Fact, { did: 'upload' }>, facts: readonly Fact[]): Promise<void> {
    const link = await this.#metadata.findLink(upload.tokenHash as SecretHash)
    if (link === undefined) {
      this.wrong.push('an acknowledged link is not there')
      return
    }
    // from the moment it was asked for, a withdrawn file may go
    const going = facts.some((one) => one.did === 'revoking' && one.tokenHash === upload.tokenHash)
    if (going) return
    const chunks = await this.#metadata.listFileChunks(upload.file as FileId, 0, 100)
    const hash = createHash('sha256')
    for (const id of [...chunks.map((chunk) => chunk.id), upload.manifest as ChunkId]) {
      const held = await Promise.all([...this.#nodes.values()].map((store) => bytesOf(store, id)))
      const copies = held.filter((bytes) => bytes !== undefined)
      if (copies.length < COPIES_MIN)
        this.wrong.push(`a chunk of an acknowledged file has ${copies.length} copies`)
      if (id !== upload.manifest) hash.update(copies[0] ?? new Uint8Array())
    }
    if (hash.digest('hex') !== upload.sha256) this.wrong.push('an acknowledged file is not whole')
  }

  async claim(tokenHash: SecretHash): Promise<void> {
    const stranger = hashSecret('a stranger')
    const answer = await this.#metadata.claimLink({
      tokenHash,
      claimHash: stranger,
      now: Date.now(),
      leaseMs: 1000
    })
    if (answer.outcome !== 'used') this.wrong.push(`a used link answers a stranger: ${answer.outcome}`)
  }

  async revoke(tokenHash: SecretHash): Promise<void> {
    const found = await this.#metadata.findLink(tokenHash)
    if (found !== undefined && found.link.state !== 'revoked')
      this.wrong.push(`a withdrawn link is ${found.link.state}`)
  }
}

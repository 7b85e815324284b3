import type { Blockstore, InputPair, Pair } from 'interface-blockstore'
import type { CID } from 'multiformats/cid'
import { PeerbinError, hasCode } from '../../errors.ts'
import type { ChunkStore, SignalOptions } from '../../interfaces.ts'
import { DIGEST_BYTES, SHA2_256, chunkIdFromDigest, cidOf } from '../../protocol/ids.ts'
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts'
import type { ChunkId, Generation } from '../../types.ts'

/** Blocks that come this way belong to no upload. */
const NO_GENERATION = 0 as Generation
const PAGE = 256

type Input = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * A chunk store as Helia and other IPFS tools see one: `Blockstore` of interface-blockstore.
 *
 * A block is found by its multihash: every CID with a sha2-256 digest names the chunk of those bytes, whatever its version and codec, and
 * `getAll` names it as CIDv1, raw. CIDs with another hash (identity included, which Helia answers itself) are never there, and a put of one is refused
 * with `bad-request`, as are empty blocks; blocks of more than 4 MiB with `chunk-too-large`. Blocks are stored with generation 0.
 * `delete` removes only those: a chunk that the cluster also put here is the cluster's to delete, and the call rejects.
 * Opening and closing is left to whoever owns the store. As the interface asks, a missing block is an error named `NotFoundError`, and an
 * aborted call rejects with the signal's reason.
 */
export class BlockstoreView implements Blockstore {
  readonly #store: ChunkStore

  constructor(deps: { readonly store: ChunkStore }) {
    this.#store = deps.store
  }

  async has(cid: CID, options: SignalOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted()
    const id = idOf(cid)
    return id !== undefined && (await this.#store.stat(id)) !== undefined
  }

  async put(cid: CID, block: Input, options: SignalOptions = {}): Promise<CID> {
    options.signal?.throwIfAborted()
    const id = idOf(cid)
    if (id === undefined)
      throw new PeerbinError('bad-request', 'only blocks with a sha2-256 CID can be stored')
    const bytes = await collect(block, options.signal)
    await orReason(this.#store.put(id, bytes, NO_GENERATION, options), options.signal)
    return cid
  }

  async *putMany(
    source: Iterable<InputPair> | AsyncIterable<InputPair>,
    options: SignalOptions = {}
  ): AsyncGenerator<CID> {
    for await (const { cid, bytes } of source) yield await this.put(cid, bytes, options)
  }

  async *get(cid: CID, options: SignalOptions = {}): AsyncGenerator<Uint8Array> {
    options.signal?.throwIfAborted()
    const id = idOf(cid)
    if (id === undefined) throw missing(cid)
    yield await orReason(this.#store.get(id, options), options.signal).catch((error: unknown) => {
      throw hasCode(error, 'chunk-not-found') ? missing(cid, error) : error
    })
  }

  async *getMany(
    source: Iterable<CID> | AsyncIterable<CID>,
    options: SignalOptions = {}
  ): AsyncGenerator<Pair> {
    for await (const cid of source) {
      options.signal?.throwIfAborted()
      yield { cid, bytes: this.get(cid, options) }
    }
  }

  async *getAll(options: SignalOptions = {}): AsyncGenerator<Pair> {
    options.signal?.throwIfAborted()
    let page = await this.#store.list({ limit: PAGE })
    while (page.length > 0) {
      for (const info of page) {
        options.signal?.throwIfAborted()
        const cid = cidOf(info.id)
        yield { cid, bytes: this.get(cid, options) }
      }
      const after = page.at(-1)?.id
      page = after === undefined ? [] : await this.#store.list({ after, limit: PAGE })
    }
  }

  async delete(cid: CID, options: SignalOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    const id = idOf(cid)
    if (id !== undefined && !(await this.#store.delete(id, NO_GENERATION))) {
      throw new PeerbinError(
        'bad-request',
        'the cluster holds this chunk here, and only its controller deletes it'
      )
    }
  }

  async *deleteMany(
    source: Iterable<CID> | AsyncIterable<CID>,
    options: SignalOptions = {}
  ): AsyncGenerator<CID> {
    for await (const cid of source) {
      await this.delete(cid, options)
      yield cid
    }
  }
}

/** The chunk a CID names; undefined when it cannot name one of ours. */
function idOf(cid: CID): ChunkId | undefined {
  const { code, digest } = cid.multihash
  return code === SHA2_256 && digest.byteLength === DIGEST_BYTES ? chunkIdFromDigest(digest) : undefined
}

/** A block in one piece; the source is not read further than a chunk may be long. */
async function collect(block: Input, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (block instanceof Uint8Array) return block
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of block) {
    signal?.throwIfAborted()
    size += part.byteLength
    if (size > CHUNK_BYTES_MAX) throw new PeerbinError('chunk-too-large')
    parts.push(part)
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
}

/** The signal's own reason in place of our error for it. */
async function orReason<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return await promise.catch((error: unknown) => {
    if (hasCode(error, 'aborted', 'deadline-exceeded')) signal?.throwIfAborted()
    throw error
  })
}

function missing(cid: CID, cause?: unknown): PeerbinError {
  const error = new PeerbinError('chunk-not-found', '', { cause, details: { cid: cid.toString() } })
  error.name = 'NotFoundError'
  return error
}

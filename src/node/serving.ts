import type { Config } from '../config.ts'
import { hasCode, PeerbinError } from '../errors.ts'
import type { ChunkStore, Clock } from '../interfaces.ts'
import { FRAME_BYTES_MAX } from '../protocol/limits.ts'
import type { ChunkMessages, RequestOf, ResponseOf } from '../protocol/messages.ts'
import type { RpcAnswer, RpcRequest } from '../protocol/rpc.ts'
import { deadline } from '../runtime/deadline.ts'
import type { ChunkId, ChunkInfo } from '../types.ts'
import type { BadCopies } from './bad-copies.ts'
import type { FinishedPuts } from './finished-puts.ts'
import type { Places } from './places.ts'

type Request<K extends keyof ChunkMessages> = RpcRequest<RequestOf<ChunkMessages, K>>
type Answer<K extends keyof ChunkMessages> = Promise<RpcAnswer<ResponseOf<ChunkMessages, K>>>

export interface ServingDeps {
  store: ChunkStore
  puts: FinishedPuts
  places: Places
  badCopies: BadCopies
  boot: () => number
  clock: Clock
  config: Config['replication']
}

/** Frames of a body, without copying. */
function* frames(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += FRAME_BYTES_MAX) {
    yield bytes.subarray(start, start + FRAME_BYTES_MAX)
  }
}

/** Answers what others want to know of, or have from, the chunks held here. */
export class Serving {
  readonly #deps: ServingDeps

  constructor(deps: ServingDeps) {
    this.#deps = deps
  }

  async get(request: Request<'get'>): Answer<'get'> {
    const { id, offset } = request.message
    const { clock, config, places } = this.#deps
    using limit = deadline(clock, config.getTimeoutMs, request.signal)
    const place = await places.enterGet(limit.signal)
    try {
      const info = await this.#stat(id)
      const length = request.message.length ?? info.sizeBytes - offset
      if (length < 1 || offset + length > info.sizeBytes) {
        throw new PeerbinError('bad-request', 'the range lies outside the chunk')
      }
      const bytes = await this.read(info, offset, length, limit.signal)
      return {
        message: { generation: info.generation, chunkBytes: info.sizeBytes },
        body: { sizeBytes: bytes.byteLength, pieces: frames(bytes) },
        done: () => place.release()
      }
    } catch (error) {
      place.release()
      throw error
    }
  }

  /** Bytes of an own chunk, verified; a rotten one is reported. @throws `chunk-not-found`, `chunk-corrupt`, `store-failed` */
  async read(info: ChunkInfo, offset: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
    try {
      return await this.#deps.store.get(info.id, { offset, length, signal })
    } catch (error) {
      if (hasCode(error, 'chunk-corrupt')) this.#deps.badCopies.report(info.id, info.generation)
      throw error
    }
  }

  async has(request: Request<'has'>): Answer<'has'> {
    // before anything is looked up: a put that ends meanwhile is one that the answer may not show
    const seen = { boot: this.#deps.boot(), puts: this.#deps.puts.count }
    const chunks = await Promise.all(
      request.message.ids.map(async (id) => (await this.#deps.store.stat(id)) ?? null)
    )
    return { message: { chunks, ...seen } }
  }

  async list(request: Request<'list'>): Answer<'list'> {
    const { after, limit, manifests } = request.message
    const boot = this.#deps.boot() // of before the look
    const chunks = await this.#deps.store.list({
      limit,
      ...(after !== undefined && { after }),
      ...(manifests !== undefined && { manifests })
    })
    return { message: { chunks, boot } }
  }

  async #stat(id: ChunkId): Promise<ChunkInfo> {
    const info = await this.#deps.store.stat(id)
    if (info === undefined) throw new PeerbinError('chunk-not-found')
    return info
  }
}

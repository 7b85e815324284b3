/** The line of a producer: HTTP of the pool client, answered by edges of the simulated cluster, over a line that fails. */

import { asEdgeError, errorHeaders, problemOf } from '../../../src/edge/problem.ts'
import { hasCode } from '../../../src/errors.ts'
import { abortReason } from '../../../src/runtime/deadline.ts'
import type { BatchId } from '../../../src/pools.ts'
import type { SimEdge } from '../edge.ts'
import type { SimProcess } from '../sim-process.ts'
import type { Line } from '../sync/cluster-remote.ts'
import type { Workload } from '../workload.ts'
import * as edges from './edge-requests.ts'
import { MemoryBlob } from './memory-queue.ts'
import type { PoolsLedger, SimMember } from './pools-ledger.ts'

/** Answers that are lost on their way, though what was asked for is done. */
const LOST_SHARE = 0.04
/** The last, and much later than that. */
const PAUSE_MAX_MS = 2000

export interface ProducerLineDeps {
  readonly member: SimMember
  readonly process: SimProcess
  readonly workload: Workload
  readonly ledger: PoolsLedger
  readonly line: () => Line
  /** Whether answers are lost by chance. */
  readonly isLossy: () => boolean
}

interface Asked {
  readonly method: string
  /** Below the pool. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
  readonly body: RequestInit['body']
}

export class ProducerLine {
  readonly #deps: ProducerLineDeps

  constructor(deps: ProducerLineDeps) {
    this.#deps = deps
  }

  /** In place of the system's. */
  readonly fetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const { process, line, isLossy } = this.#deps
    const url = new URL(input instanceof Request ? input.url : input)
    const asked: Asked = {
      method: init.method ?? 'GET',
      path: url.pathname.split('/').slice(4),
      query: url.searchParams,
      body: init.body
    }
    const { isOnline, cut } = line()
    const signal = init.signal ?? new AbortController().signal
    const outcome = isOnline ? await this.#ask(asked, signal, cut) : ('unknown' as const)
    const isLost = outcome === 'unknown' || (isLossy() && process.chance.happens(LOST_SHARE))
    // nothing comes back to a process that is dead
    await process.io('line', () => {})
    if (signal.aborted) throw abortReason(signal)
    if (isLost) throw new TypeError('fetch failed')
    if ('error' in outcome) return failureOf(outcome.error)
    this.#heard(asked, outcome.value)
    return new Response(JSON.stringify(outcome.value), { headers: { 'content-type': 'application/json' } })
  }

  async #ask(
    asked: Asked,
    signal: AbortSignal,
    cut: Promise<void>
  ): Promise<{ value: object } | { error: unknown } | 'unknown'> {
    const { workload, process } = this.#deps
    const { edges: open } = workload
    if (open.length === 0) return 'unknown'
    const edge = process.chance.pick(open)
    const ended = new Promise<'unknown'>((resolve) => {
      signal.addEventListener('abort', () => resolve('unknown'), { once: true })
    })
    const gone = Promise.race([cut, process.gone]).then(() => 'unknown' as const)
    return await Promise.race([workload.ask(edge, () => this.#answer(edge, asked)), ended, gone])
  }

  async #answer(edge: SimEdge, { method, path, query, body }: Asked): Promise<object> {
    const { member } = this.#deps
    const who = { user: member.user, pool: member.pool.id }
    const [, id = '', part, index] = path
    const batch = id as BatchId
    const what = `${method} ${part ?? ''}`
    if (id === '' && typeof body === 'string') return await edges.announceBatch(edge, who, JSON.parse(body))
    if (what === 'GET ') {
      const after = query.get('after')
      return await edges.missingOf(edge, who, batch, after === null ? undefined : Number(after))
    }
    if (what === 'PUT files' && body instanceof MemoryBlob)
      return await edges.putFile(edge, who, { batch, index: Number(index) }, this.#source(body.content))
    if (what === 'POST commit') return await edges.commitBatch(edge, who, batch)
    if (what === 'DELETE ') return await edges.giveUpBatch(edge, who, batch)
    throw new Error(`a producer asks for ${method} ${path.join('/')}`)
  }

  /** What the producer knows from now on. */
  #heard({ method, path }: Asked, value: object): void {
    const { ledger } = this.#deps
    if ('state' in value && 'batch' in value && value.state === 'committed')
      ledger.acknowledge(String(value.batch) as BatchId)
    const batch = ledger.batches.get((path[1] ?? '') as BatchId)
    if (method === 'DELETE' && batch?.state === 'open') batch.state = 'givenUp'
    const announced = 'batch' in value ? ledger.batches.get(String(value.batch) as BatchId) : undefined
    if (method === 'POST' && announced?.state === 'givenUp') announced.state = 'open'
  }

  async *#source(content: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    const { process, workload, line } = this.#deps
    const { chance } = process
    const half = chance.happens(0.4) ? chance.whole(1, content.byteLength) : content.byteLength
    yield content.subarray(0, half)
    if (half === content.byteLength) return
    await workload.sleep(chance.between(0, PAUSE_MAX_MS))
    if (!process.alive || !line().isOnline) throw new Error('the producer has gone away')
    yield content.subarray(half)
  }
}

function failureOf(caught: unknown): Response {
  const error = asEdgeError(caught)
  // what an edge is told of its cluster, and what it says of that, are the same to a producer
  const headers = { ...errorHeaders(error, 'json'), 'content-type': 'application/problem+json' }
  return new Response(JSON.stringify(problemOf(error)), { status: error.status, headers })
}

export const isTurnedAway = (error: unknown): boolean =>
  hasCode(error, 'pool-unknown', 'permission-denied', 'batch-unknown')

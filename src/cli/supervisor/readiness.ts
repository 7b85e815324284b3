import { z } from 'zod'
import type { Clock } from '../../interfaces.ts'
import { sleep } from '../../runtime/deadline.ts'
import { readJson, request } from '../http/request.ts'

/** Between two looks at the edge. */
const POLL_MS = 50
/** An upload succeeds with two nodes; so much longer the others may take before the cluster is called ready without them. */
const ALL_NODES_MS = 3000

const nodeState = z.object({ state: z.string() })
const activeNodes = z.union([z.array(nodeState), z.object({ nodes: z.array(nodeState) })])

/** Resolves when an upload to the edge would succeed, and all `nodes` take part or have had time to. Rejects only when the signal aborts. */
export async function untilReady(deps: {
  readonly url: URL
  readonly nodes: () => number
  readonly clock: Clock
  readonly signal: AbortSignal
}): Promise<void> {
  const { url, clock, signal } = deps
  let acceptingSince: number | undefined
  for (;;) {
    if (await accepts(url, signal)) {
      acceptingSince ??= clock.monotonic()
      if (clock.monotonic() - acceptingSince > ALL_NODES_MS) return
      if ((await countActive(url, signal)) >= deps.nodes()) return
    }
    await sleep(clock, POLL_MS, signal)
  }
}

async function accepts(url: URL, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await request({ method: 'GET', url: new URL('/readyz', url), signal, ownServer: true })
    answer.body.resume()
    return answer.status === 200
  } catch {
    return false // not listening yet, or busy: asked again
  }
}

async function countActive(url: URL, signal: AbortSignal): Promise<number> {
  try {
    const answer = await request({
      method: 'GET',
      url: new URL('/active-nodes', url),
      signal,
      ownServer: true
    })
    const list = activeNodes.parse(await readJson(answer))
    return (Array.isArray(list) ? list : list.nodes).length
  } catch {
    return 0 // as above
  }
}

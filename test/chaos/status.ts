/** The cluster's own view of itself, as any edge tells it. What only newer versions say is optional. */

import { z } from 'zod'

/** A machine that is busy with other things must not look like a broken cluster. */
const TIMEOUT_MS = 10_000

const clusterStatus = z.object({
  chunks: z.number(),
  chunksOwed: z.number(),
  chunksWithoutCopy: z.number(),
  ordersPending: z.number(),
  linksSuspended: z.number().optional(),
  collector: z.object({ frozen: z.string().nullable() }).optional(),
  repair: z.object({ lastCopy: z.number(), under: z.number(), looked: z.number() }).optional(),
  nodes: z.array(
    z.object({
      peer: z.string(),
      host: z.string(),
      liveness: z.string(),
      state: z.string(),
      scrubbedAt: z.number().optional(),
      quarantined: z.number().optional(),
      reconciledAt: z.number().nullable().optional()
    })
  )
})
export type ClusterStatus = z.output<typeof clusterStatus>

/** Undefined when no edge answers. */
export async function askStatus(urls: readonly string[]): Promise<ClusterStatus | undefined> {
  for (const url of urls) {
    try {
      const answer = await fetch(`${url}/status`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
      if (answer.status === 200) return clusterStatus.parse(await answer.json())
      await answer.body?.cancel()
    } catch {
      // that edge is down: the next may answer
    }
  }
  return undefined
}

/**
 * Whether every one of so many nodes is there, its copies compared, and every chunk has its copies. Chunks without any copy are those of uploads that nobody finished;
 * that a file's chunk is among them is found when the file is read.
 */
export function isWhole(status: ClusterStatus | undefined, nodes: number): boolean {
  if (status === undefined) return false
  const active = status.nodes.filter((node) => node.liveness === 'active')
  const { repair } = status
  return (
    active.length === nodes &&
    active.every((node) => node.reconciledAt !== null) &&
    status.chunksOwed === 0 &&
    (repair === undefined || (repair.under === 0 && repair.lastCopy === 0 && repair.looked === 1))
  )
}

/** Whether what each active node holds was compared with the metadata since then. */
export const isComparedSince = (status: ClusterStatus | undefined, wallMs: number): boolean =>
  status !== undefined &&
  status.nodes.every(({ liveness, reconciledAt }) => liveness !== 'active' || (reconciledAt ?? 0) >= wallMs)

/** Whether this version compares what nodes hold with what is recorded, and makes lost copies again. */
export const repairs = (status: ClusterStatus): boolean =>
  status.repair !== undefined && status.nodes.every((node) => node.reconciledAt !== undefined)

/** Whether that edge serves. */
export async function isAlive(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    await answer.body?.cancel()
    return answer.status === 200
  } catch {
    return false // that is the answer
  }
}

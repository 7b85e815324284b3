/** Claims that are held up on their way, for tests of what happens meanwhile. */

import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { until } from '../kit/until.ts'
import { upload } from './edge-cluster.ts'
import type { EdgeCluster } from './edge-cluster.ts'

/** So short that the edge gives up on a controller soon. */
export const IMPATIENT = { controller: { requestTimeoutMs: 100, retryMs: 20, callTimeoutMs: 300 } }

/** A store whose claims wait at a gate before they take effect; everything else passes. */
export function gatedClaims() {
  const store = new MemoryMetadataStore()
  const claim = store.claimLink
  const claimLink: MetadataStore['claimLink'] = async (...args) => {
    gated.waiting++
    await gated.gate
    const answer = await claim(...args)
    gated.passed++
    return answer
  }
  const release = store.releaseClaim
  const releaseClaim: MetadataStore['releaseClaim'] = async (...args) => {
    const answer = await release(...args)
    gated.released++
    return answer
  }
  const counts: { gate: Promise<void> | undefined; waiting: number; passed: number; released: number } = {
    gate: undefined,
    waiting: 0,
    passed: 0,
    released: 0
  }
  const gated: MemoryMetadataStore & typeof counts = Object.assign(store, {
    ...counts,
    claimLink,
    releaseClaim
  })
  return gated
}

/** An edge that gives up on a controller soon gives up now and then on one that is only slow. */
export async function patientUpload(...args: Parameters<typeof upload>): ReturnType<typeof upload> {
  let answer: Awaited<ReturnType<typeof upload>> | undefined
  await until('the upload is taken', async () => {
    answer = await upload(...args).catch(() => undefined)
    return answer !== undefined
  })
  if (answer === undefined) throw new Error('until waits for it')
  return answer
}

/** The line between an edge and the controller. */
export function lineOf({ cluster, edges }: EdgeCluster, index = 0) {
  const edge = edges[index]?.participant.peer
  const controller = edges[index]?.participant.membership
    .all()
    .find(({ roles }) => roles.includes('controller'))
  if (edge === undefined || controller === undefined) throw new Error('nobody there')
  return {
    cut: () => cluster.hub.cut(edge, controller.peer),
    heal: () => cluster.hub.heal(edge, controller.peer)
  }
}

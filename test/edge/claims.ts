/** What the controller knows of a link and its claims, for tests that count redemptions. */

import { randomBytes } from 'node:crypto'
import { hashSecret } from '../../src/protocol/secrets.ts'
import type { ClaimRecord, SecretHash } from '../../src/types.ts'
import type { EdgeCluster } from './edge-cluster.ts'

export const newSecret = (): string => randomBytes(32).toString('base64url')

/** @param url any address of the link, on any edge or proxy */
export const tokenHashOf = (url: string): SecretHash =>
  hashSecret(new URL(url).pathname.split('/').at(-1) ?? '')

/** Some tests have edges that give up on a controller soon; what is asked here is to be answered. */
const PATIENT = { timeoutMs: 20_000 }

function controllerOf({ edges }: EdgeCluster) {
  const controller = edges[0]?.participant.controller
  if (controller === undefined) throw new Error('there is no edge')
  return controller
}

/** How many slots of the link are taken. */
export async function claimsMade(cluster: EdgeCluster, url: string): Promise<number> {
  const { found } = await controllerOf(cluster).call('findLink', { tokenHash: tokenHashOf(url) }, PATIENT)
  if (found === null) throw new Error('the controller does not know the link')
  return found.link.claimed
}

/** The claim as it is served now; undefined when it is not. */
export async function claimOf(
  cluster: EdgeCluster,
  url: string,
  secret: string
): Promise<ClaimRecord | undefined> {
  const hashes = { tokenHash: tokenHashOf(url), claimHash: hashSecret(secret) }
  const answer = await controllerOf(cluster).call('findClaim', hashes, PATIENT)
  return answer.outcome === 'claimed' ? answer.claim : undefined
}

/** The status that somebody gets who has nothing but the link. */
export async function askAsStranger(url: string): Promise<number> {
  const answer = await fetch(url, { headers: { accept: 'application/json' } })
  await answer.arrayBuffer()
  return answer.status
}

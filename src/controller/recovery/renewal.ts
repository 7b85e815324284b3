/** Makes metadata fit to be led again: what is not certain is suspended, what nodes know is taken in, and the counters rise above everything anybody has heard of. */

import type { MetadataStore } from '../../metadata-store.ts'
import type { Generation, SecretHash, Term } from '../../types.ts'
import type { Random } from '../../interfaces.ts'
import { newEpoch } from '../events/epoch.ts'
import { SETTINGS } from '../settings.ts'
import { adoptManifests } from './adoption.ts'
import type { Adoption, AdoptionDeps } from './adoption.ts'
import { readEarlier, writeEarlier } from './earlier.ts'
import type { RevokedLinks } from './earlier.ts'
import type { TouchedLinks } from './uncovered-notes.ts'

const PAGE = 256
/** Terms go up by so much at a recovery, and by one at a start: a controller that was given up never gets there. */
export const TERM_STEP = 2 ** 20
/**
 * And generations by so much, far more than a controller gives out between its last snapshot and its end: what nodes hold of before a recovery, those too that were not
 * found, can be told for ever from what came after it.
 */
const GENERATION_STEP = 2 ** 32
/** No upload expires later. */
const NEVER = Number.MAX_SAFE_INTEGER

export interface RenewalDeps extends Omit<AdoptionDeps, 'store' | 'linkState'> {
  readonly store: MetadataStore
  readonly random: Random
  readonly touched: TouchedLinks
  /** Why no live link can be trusted; null: those that no note names can. */
  readonly suspendAll: string | null
  /** Every node has heard of it, and nobody leads in it: the next controller's terms are above. */
  readonly term: Term
  /** Greatest that anybody knows. */
  readonly generation: Generation
  /** Why the collector deletes nothing from now on. */
  readonly frozen: string
}

export interface Renewal {
  readonly found: Adoption
  readonly suspended: number
  readonly revoked: number
  /** As in the deps. */
  readonly suspendAll: string | null
  readonly uploadsGivenUp: number
  readonly term: Term
  readonly generation: Generation
}

/** The least multiple of TERM_STEP above it. */
export const nextTermBlock = (term: Term): Term => ((Math.floor(term / TERM_STEP) + 1) * TERM_STEP) as Term

export async function renew(deps: RenewalDeps): Promise<Renewal> {
  const { store, touched, suspendAll, term, logger } = deps
  // first of all, so that nothing is deleted even if the rest is never done
  await store.writeSetting(SETTINGS.frozen, deps.frozen)
  // numbers after those of the snapshot were given once already: no listener may take what comes for what it has heard
  await store.renewEventsEpoch(newEpoch(deps.random))
  await forgetApprovals(deps)
  await endSessions(deps)
  const earlier = await readEarlier(store, logger)
  const generation = (deps.generation + GENERATION_STEP) as Generation
  await store.raiseCounters({ term, generation })
  const withdrawn: RevokedLinks = new Map([...earlier.revoked, ...touched.revoked])
  const revoked = await revokeNoted(deps, withdrawn)
  const suspended = suspendAll === null ? await suspendNoted(store, touched) : await suspendEverything(store)
  // before files are found: an upload that was open in the snapshot may have been committed since, and as long as it refers to the manifest that looks known
  const uploadsGivenUp = await giveUpUploads(store)
  const found = await adoptManifests({
    ...deps,
    linkState: ({ tokenHash, deleteHash }, { generation: made }) => {
      if (withdrawn.get(tokenHash) === deleteHash) return 'revoked'
      const isTouched = touched.claimed.has(tokenHash) || withdrawn.has(tokenHash)
      // the notes of that time are gone, or say nothing beside newer ones
      const isOfBefore = made <= earlier.generation
      return suspendAll !== null || isTouched || isOfBefore ? 'suspended' : 'live'
    }
  })
  await writeEarlier(store, generation, await unknownOf(store, withdrawn))
  return { found, suspended, revoked, suspendAll, uploadsGivenUp, term, generation }
}

/** Somebody looked at what was unknown then; what is unknown to metadata that was made anew is something else. */
async function forgetApprovals({ store, nodes }: RenewalDeps): Promise<void> {
  const peers = new Set([...(await store.listNodes()), ...nodes].map(({ peer }) => peer))
  for (const peer of peers) await store.writeSetting(SETTINGS.sweepApproved(peer), null)
}

/** Nobody knows which of them had ended since: a person signs in again, and no stolen session comes to life. API keys go on (docs/recovery.md says what that means). */
async function endSessions({ store, now }: RenewalDeps): Promise<void> {
  while ((await store.endAllSessions(now, PAGE)) > 0);
}

async function revokeNoted({ store, now, logger }: RenewalDeps, withdrawn: RevokedLinks): Promise<number> {
  let revoked = 0
  for (const [tokenHash, deleteHash] of withdrawn) {
    const known = await store.findLink(tokenHash)
    if (known === undefined || known.link.state === 'revoked') continue
    try {
      await store.revokeLink({ tokenHash, deleteHash, now })
      revoked++
    } catch (error) {
      // it was accepted once, and the secret it came with is another one now: nobody is served until a person has looked
      logger.warn('a link that was taken back cannot be revoked, and is suspended', { err: error })
      await store.suspendLinks([tokenHash], 1)
    }
  }
  return revoked
}

async function unknownOf(store: MetadataStore, withdrawn: RevokedLinks): Promise<RevokedLinks> {
  const unknown = new Map<SecretHash, SecretHash>()
  for (const [tokenHash, deleteHash] of withdrawn)
    if ((await store.findLink(tokenHash)) === undefined) unknown.set(tokenHash, deleteHash)
  return unknown
}

async function suspendNoted(store: MetadataStore, { claimed }: TouchedLinks): Promise<number> {
  const hashes = [...claimed]
  let suspended = 0
  for (let from = 0; from < hashes.length; from += PAGE)
    suspended += await store.suspendLinks(hashes.slice(from, from + PAGE), PAGE)
  return suspended
}

async function suspendEverything(store: MetadataStore): Promise<number> {
  let suspended = 0
  for (;;) {
    const step = await store.suspendLinks(undefined, PAGE)
    if (step === 0) return suspended
    suspended += step
  }
}

/** Their edges may still live, but what they were promised in the last seconds is not known here. */
async function giveUpUploads(store: MetadataStore): Promise<number> {
  let givenUp = 0
  for (;;) {
    const uploads = await store.listStaleUploads(NEVER, PAGE)
    if (uploads.length === 0) return givenUp
    for (const upload of uploads) if (await store.abandonUpload(upload)) givenUp++
  }
}

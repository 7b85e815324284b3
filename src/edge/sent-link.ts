/** A link as its sender sees it: what has become of it, and of each download. */

import { z } from 'zod'
import type { SentClaim } from '../metadata-records.ts'
import { hashSecret } from '../protocol/secrets.ts'
import { payloadBytesOf } from '../protocol/payload.ts'
import { ENCRYPTIONS } from '../types.ts'
import type { FileRecord, LinkRecord } from '../types.ts'
import type { EdgeContext } from './context.ts'
import { refusal } from './link-state.ts'
import { sizeText, texts } from './texts.ts'

const words = texts.sender

/** Downloads in one answer; a link has 100 at most, unless the settings say otherwise. */
export const CLAIMS_PER_PAGE = 50

/** A download of which nothing was reported for so long stands still; while bytes flow there is a report every few seconds. Less where leases are short. */
const SILENT_MS = 15_000
const SILENT_SHARE = 0.25

const STATES = ['live', 'taken', 'used', 'expired', 'revoked', 'suspended'] as const
export type SentState = (typeof STATES)[number]
const OUTCOMES = ['running', 'finished', 'broken-off', 'given-back'] as const
export type Outcome = (typeof OUTCOMES)[number]

export const sentAnswerSchema = z.object({
  name: z.string(),
  size: z.int().describe('bytes, all that was uploaded'),
  mediaType: z.string(),
  sha256: z.string().describe('hex'),
  payloadBytes: z.int().describe('of those, what is downloaded; the rest is the index'),
  encryption: z.enum(ENCRYPTIONS).nullable().describe('null: not encrypted'),
  entries: z.int().optional().describe('how many files a bundle has, while it can be redeemed'),
  state: z.enum(STATES).describe('taken: every download is taken, and one of them may still go on'),
  activity: z.enum(['waiting', 'downloading', 'done', 'over']).describe('the same in fewer words'),
  message: z.string().describe('the same in a sentence'),
  createdAt: z.string().describe('ISO 8601'),
  expiresAt: z.string().describe('ISO 8601'),
  extendableUntil: z.string().nullable().describe('latest end it can be given; null: none that is later'),
  revocable: z.boolean().describe('whether there is anything to withdraw'),
  downloads: z.int(),
  downloadsLeft: z.int(),
  claims: z
    .array(
      z.object({
        id: z.string(),
        outcome: z
          .enum(OUTCOMES)
          .describe('broken-off: it counts as a download; given-back: nothing could be sent, so it does not'),
        title: z.string(),
        detail: z.string(),
        claimedAt: z.string().describe('ISO 8601'),
        endedAt: z.string().nullable(),
        servedUntil: z.string().nullable().describe('until then the recipient may go on, or repeat it'),
        bytesSent: z.int().describe('in all, repeats included'),
        bytesCovered: z.int().describe('different bytes of the file among those')
      })
    )
    .describe('downloads, the newest first'),
  next: z.string().nullable().describe('`after` of the next page of downloads')
})
export type SentAnswer = z.output<typeof sentAnswerSchema>
export type SentDownload = SentAnswer['claims'][number]

/** What was asked of the controller. */
export interface Sent {
  readonly link: LinkRecord
  readonly file: FileRecord
  /** How many files it is, of a bundle that can be looked into. */
  readonly entries?: number | undefined
  readonly claims: readonly SentClaim[]
  /** There are older claims. */
  readonly more: boolean
  /** The store's time. */
  readonly now: number
}

/**
 * The same questions whether or not there is such a link, so that the answer takes the same time.
 * @param after where the page of claims begins
 * @throws `link-unknown`
 */
export async function findSent(
  { controller }: Pick<EdgeContext, 'controller'>,
  secret: string,
  after?: Pick<SentClaim, 'claimedAt' | 'claimHash'>
): Promise<Sent> {
  const deleteHash = hashSecret(secret)
  const page = { deleteHash, limit: CLAIMS_PER_PAGE + 1, ...(after !== undefined && { after }) }
  const [{ found, now }, { claims }] = await Promise.all([
    controller.call('findSentLink', { deleteHash }),
    controller.call('listClaims', page)
  ])
  if (found === null) throw refusal('unknown')
  // one that was given back before it was made never was a download
  const made = claims.filter(({ claimedAt }) => claimedAt > 0)
  return { ...found, claims: made.slice(0, CLAIMS_PER_PAGE), more: made.length > CLAIMS_PER_PAGE, now }
}

export function outcomeOf(claim: SentClaim, { link, file, now }: Omit<Sent, 'claims' | 'more'>): Outcome {
  if (claim.state === 'released') return 'given-back'
  if (claim.coveredBytes >= payloadBytesOf(file)) return 'finished'
  const runs = claim.state === 'claimed' && claim.leaseUntil > now && link.state !== 'revoked'
  return runs ? 'running' : 'broken-off'
}

function stateOf({ link, now }: Pick<Sent, 'link' | 'now'>): SentState {
  if (link.state === 'consumed') return 'used'
  if (link.state !== 'live') return link.state
  if (link.claimed >= link.downloads) return 'taken'
  return link.expiresAt <= now ? 'expired' : 'live'
}

/** Latest end the link can be given; undefined when none is later than the one it has. */
export function latestEnd({ link, now }: Pick<Sent, 'link' | 'now'>, ttlMaxMs: number): number | undefined {
  const latest = link.createdAt + ttlMaxMs
  return stateOf({ link, now }) === 'live' && latest > link.expiresAt ? latest : undefined
}

/** @param leaseMs how long a claim lives after a report: from that follows when the last one came */
function downloadOf(claim: SentClaim, sent: Sent, leaseMs: number): SentDownload {
  const { file, link, now } = sent
  const outcome = outcomeOf(claim, sent)
  const silentMs = Math.min(SILENT_MS, leaseMs * SILENT_SHARE)
  const isSilent = outcome === 'running' && now - (claim.leaseUntil - leaseMs) > silentMs
  const { title, detail } = words.outcomes[isSilent ? 'interrupted' : outcome]
  const isServed = link.state === 'live' && claim.leaseUntil > now && claim.state !== 'released'
  return {
    id: claim.claimHash.slice(0, 16),
    outcome,
    title,
    detail: detail(sizeText(claim.coveredBytes), sizeText(payloadBytesOf(file))),
    claimedAt: iso(claim.claimedAt),
    endedAt: claim.consumedAt === null ? null : iso(claim.consumedAt),
    servedUntil: isServed ? iso(claim.leaseUntil) : null,
    bytesSent: claim.bytesSent,
    bytesCovered: claim.coveredBytes
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

export function sentAnswer(sent: Sent, limits: { ttlMaxMs: number; leaseMs: number }): SentAnswer {
  const { link, file, entries, claims, more } = sent
  const state = stateOf(sent)
  const outcomes = claims.map((claim) => outcomeOf(claim, sent))
  const count = (outcome: Outcome): number => outcomes.filter((each) => each === outcome).length
  const running = count('running')
  const latest = latestEnd(sent, limits.ttlMaxMs)
  const last = claims.at(-1)
  return {
    name: file.name,
    size: file.sizeBytes,
    mediaType: file.mediaType,
    sha256: file.sha256,
    payloadBytes: payloadBytesOf(file),
    encryption: file.encryption,
    ...(entries !== undefined && { entries }),
    state,
    activity: activityOf(state, running, count('finished')),
    message: words.states[state]({
      downloads: link.downloads,
      taken: link.claimed,
      running,
      broken: count('broken-off')
    }),
    createdAt: iso(link.createdAt),
    expiresAt: iso(link.expiresAt),
    extendableUntil: latest === undefined ? null : iso(latest),
    revocable: link.state === 'live' || link.state === 'suspended',
    downloads: link.downloads,
    downloadsLeft: state === 'live' ? link.downloads - link.claimed : 0,
    claims: claims.map((claim) => downloadOf(claim, sent, limits.leaseMs)),
    next: more && last !== undefined ? `${last.claimedAt}.${last.claimHash}` : null
  }
}

function activityOf(state: SentState, running: number, finished: number): SentAnswer['activity'] {
  if (state === 'revoked') return 'over'
  if (running > 0) return 'downloading'
  if (state === 'live') return 'waiting'
  return (state === 'taken' || state === 'used') && finished > 0 ? 'done' : 'over'
}

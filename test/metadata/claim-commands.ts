/** Random commands on links, played on the model of claim-model.ts and on something real, which must agree after each. */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ClaimRecord } from '../../src/types.ts'
import { FILE_BYTES } from './claim-model.ts'
import type { ModelClaim, ModelLink, Told } from './claim-model.ts'

export const LINKS = ['one slot', 'three slots'] as const
export type LinkName = (typeof LINKS)[number]
const SECRETS = ['a', 'b', 'c', 'd']

export interface Report {
  id: string
  bytes: number
  ranges: ReadonlyArray<{ start: number; end: number }>
}

/** What a claim's holder is told. */
export interface Answer {
  told: Told
  claim?: ClaimRecord
}

/** What is held to the model. */
export interface RealLinks {
  /** The time that leases are judged by. */
  now(): number
  /** Answers of claims, in the order they were asked for. */
  claim(link: LinkName, secret: string): Promise<Answer>
  find(link: LinkName, secret: string): Promise<Answer>
  report(link: LinkName, secret: string, report: Report): Promise<ClaimRecord | null>
  release(link: LinkName, secret: string): Promise<boolean>
  revoke(link: LinkName): Promise<void>
  look(link: LinkName): Promise<{ state: string; claimed: number }>
  /** Ends what is over. */
  settle(): Promise<void>
  pass(ms: number): Promise<void>
  /** Everything that is only in memory is forgotten; so much real time is lost meanwhile. */
  restart(awayMs: number): Promise<void>
}

export interface Model {
  readonly links: Readonly<Record<LinkName, ModelLink>>
  readonly overBudget: (sentBytes: number) => boolean
}

type Command = fc.AsyncCommand<Model, RealLinks>

const bytesOf = (ranges: ReadonlyArray<{ start: number; end: number }>): number[] =>
  ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))

/** What is known of a claim, in the model's words. */
const inModel = (claim: ModelClaim) => ({
  state: claim.consumedAt === undefined ? 'claimed' : 'consumed',
  until: claim.until,
  consumedAt: claim.consumedAt ?? null,
  sentBytes: claim.sentBytes,
  covered: [...claim.covered].toSorted((a, b) => a - b)
})

const inReality = (claim: ClaimRecord) => ({
  state: claim.state,
  until: claim.leaseUntil,
  consumedAt: claim.consumedAt,
  sentBytes: claim.bytesSent,
  covered: bytesOf(claim.covered)
})

/** What the model says that somebody is told, and of what claim. */
function expected(model: Model, link: ModelLink, secret: string, told: Told): unknown {
  if (told !== 'claimed') return { told }
  const claim = link.claims.get(secret)
  if (claim === undefined) throw new Error('claimed, and not there')
  return model.overBudget(claim.sentBytes) ? { told: 'over budget' } : { told, ...inModel(claim) }
}

const seen = ({ told, claim }: Answer): unknown =>
  told !== 'claimed' || claim === undefined ? { told } : { told, ...inReality(claim) }

/** Everything that can be asked without changing anything. */
async function agree(model: Model, real: RealLinks): Promise<void> {
  const now = real.now()
  for (const name of LINKS) {
    const link = model.links[name]
    assert.deepStrictEqual(await real.look(name), { state: link.ended ?? 'live', claimed: link.slotsTaken })
    assert.ok(link.slotsTaken <= link.downloads, 'never more claims than downloads')
    for (const secret of SECRETS)
      assert.deepStrictEqual(
        seen(await real.find(name, secret)),
        expected(model, link, secret, link.ask(secret, now, false)),
        `${name}, ${secret}`
      )
  }
}

/** @param play changes both, and may compare what only it sees */
const command = (label: string, play: (model: Model, real: RealLinks) => Promise<void>): Command => ({
  check: () => true,
  run: async (model, real) => {
    await play(model, real)
    await agree(model, real)
  },
  toString: () => label
})

const linkName = fc.constantFrom(...LINKS)
const secret = fc.constantFrom(...SECRETS)

/** Several at once; the same secret twice is somebody who asks again. */
const claims = fc.tuple(linkName, fc.array(secret, { minLength: 1, maxLength: 6 })).map(([name, secrets]) =>
  command(`claim ${name} by ${secrets.join()}`, async (model, real) => {
    const now = real.now()
    const answers = await Promise.all(secrets.map((each) => real.claim(name, each)))
    const link = model.links[name]
    const told = secrets.map((each) => expected(model, link, each, link.ask(each, now, true)))
    // all of them were asked before any was answered
    assert.deepStrictEqual(answers.map(seen), told)
  })
)

const range = fc
  .tuple(fc.nat(FILE_BYTES), fc.nat(FILE_BYTES + 5))
  .map(([start, length]) => ({ start, end: start + length + 1 }))
const whole = [{ start: 0, end: FILE_BYTES }]
const ranges = fc.oneof(
  fc.constantFrom(whole, [], [{ start: 0, end: FILE_BYTES - 1 }], [{ start: 1, end: FILE_BYTES }]),
  fc.array(range, { maxLength: 3 })
)

/** Who reports or gives back: mostly somebody who has asked for the link. */
const actor = fc.oneof(
  { weight: 4, arbitrary: fc.nat(9).map((number) => ({ number })) },
  { weight: 1, arbitrary: secret }
)
type Actor = { number: number } | string

function secretOf(who: Actor, link: ModelLink): string {
  if (typeof who === 'string') return who
  const claimants = [...link.claims.keys()]
  return claimants[who.number % claimants.length] ?? SECRETS[0] ?? ''
}

const reports = fc
  .tuple(linkName, actor, ranges, fc.constantFrom(0, 1, 10, FILE_BYTES), fc.nat(20))
  .map(([name, who, each, bytes, number]) => {
    const report = { id: `report ${number}`, bytes, ranges: each }
    return command(`report ${fc.stringify([report, who])} of ${name}`, async (model, real) => {
      const link = model.links[name]
      const by = secretOf(who, link)
      const now = real.now()
      const record = await real.report(name, by, report)
      link.report(by, { ...report, ranges: bytesOf(each) }, now)
      const claim = link.claims.get(by)
      assert.equal(record !== null, claim !== undefined, 'progress is of claims that are there')
      if (record === null || claim === undefined) return
      if (claim.released) assert.equal(record.state, 'released')
      else assert.deepStrictEqual(inReality(record), inModel(claim))
    })
  })

const releases = fc.tuple(linkName, actor).map(([name, who]) =>
  command(`release ${name} by ${fc.stringify(who)}`, async (model, real) => {
    const link = model.links[name]
    const by = secretOf(who, link)
    const may = link.mayRelease(by, real.now())
    const released = await real.release(name, by)
    if (may !== 'either') assert.equal(released, may)
    if (released) link.release(by)
  })
)

const revokes = linkName.map((name) =>
  command(`revoke ${name}`, async (model, real) => {
    const now = real.now()
    await real.revoke(name)
    model.links[name].revoke(now)
  })
)

const settles = fc.constant(
  command('settle', async (model, real) => {
    const now = real.now()
    await real.settle()
    for (const name of LINKS) model.links[name].settle(now)
  })
)

/** Around the ends of leases and graces, up to the limit of a lease, and across the expiry. */
const PASSING_MS = [1, 100, 499, 500, 501, 700, 999, 1000, 1001, 2000, 40_000]
const passes = fc
  .constantFrom(...PASSING_MS)
  .map((ms) => command(`pass ${ms} ms`, async (_model, real) => await real.pass(ms)))
const restarts = fc
  .constantFrom(0, 400, 3000)
  .map((ms) => command(`restart after ${ms} ms`, async (_model, real) => await real.restart(ms)))

/** Claims and reports most of all; a revoked link has little left to tell. */
export const linkCommands = fc.commands(
  [
    claims,
    claims,
    claims,
    reports,
    reports,
    reports,
    releases,
    releases,
    passes,
    passes,
    settles,
    restarts,
    revokes
  ],
  { size: 'large', maxCommands: 60 }
)

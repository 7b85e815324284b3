/** The controller's service against the rules of docs/share-links.md as ../metadata/claim-model.ts has them, on a clock of the test's; restarts lose time. */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Membership } from '../../src/cluster/membership.ts'
import { parseConfig } from '../../src/config.ts'
import type { Config } from '../../src/config.ts'
import { PasswordAttempts, linkAttempts } from '../../src/controller/password-attempts.ts'
import { FileChunks } from '../../src/controller/file-chunks.ts'
import { LinkService } from '../../src/controller/link-service.ts'
import { SLEW_RATE, StoreTime } from '../../src/controller/store-time.ts'
import { hasCode } from '../../src/errors.ts'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { ClaimAnswer } from '../../src/protocol/messages.ts'
import { EXPIRY, START, addFile, hash, peer, settleAll, tokenOf } from '../conformance/metadata-fixture.ts'
import { ManualClock } from '../kit/manual-clock.ts'
import { linkCommands } from '../metadata/claim-commands.ts'
import { toldOf } from '../metadata/claim-model.ts'
import type { Answer, LinkName, Model, RealLinks } from '../metadata/claim-commands.ts'
import { BUDGET_FACTOR, CONNECTIONS, FILE_BYTES, ModelLink, TIMES } from '../metadata/claim-model.ts'

const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 300)
/** A slow machine does fewer runs, and says so by their number. */
const TIME_LIMIT_MS = process.env['PEERBIN_MODEL_RUNS'] === undefined ? 25_000 : 3_600_000

const config: Config['link'] = {
  ...parseConfig({}).link,
  ...TIMES,
  budgetFactor: BUDGET_FACTOR,
  connectionsMax: CONNECTIONS
}

/** One controller's service after another, over the same store. */
class ServiceLinks implements RealLinks {
  readonly #store: MetadataStore
  readonly #clock = new ManualClock(START)
  #time: StoreTime
  #service: LinkService

  private constructor(store: MetadataStore) {
    this.#store = store
    this.#time = new StoreTime(this.#clock)
    this.#time.resume(0, config.leaseMaxMs)
    this.#service = this.#newService()
  }

  static async make(): Promise<ServiceLinks> {
    const store = new MemoryMetadataStore()
    await store.open()
    await addFile(store, 'one slot')
    await addFile(store, 'three slots', { downloads: 3 })
    return new ServiceLinks(store)
  }

  #newService(): LinkService {
    const membership = new Membership({ clock: this.#clock, ...parseConfig({}).heartbeat })
    return new LinkService({
      self: peer(1),
      store: this.#store,
      chunks: new FileChunks({ store: this.#store, membership, onRead: () => undefined }),
      time: this.#time,
      config,
      attempts: new PasswordAttempts(this.#clock, linkAttempts(config)),
      notes: { note: async () => undefined }, // as in a cluster that keeps no snapshots
      onEnded: () => undefined
    })
  }

  async #answer(asked: Promise<ClaimAnswer>): Promise<Answer> {
    try {
      const answer = await asked
      if (answer.outcome === 'claimed') return { told: 'claimed', claim: answer.claim }
      return { told: toldOf(answer.outcome) }
    } catch (error) {
      if (hasCode(error, 'claim-over-budget')) return { told: 'over budget' }
      throw error
    }
  }

  now = (): number => this.#time.now()
  claim = (link: LinkName, secret: string): Promise<Answer> =>
    this.#answer(this.#service.claim({ tokenHash: tokenOf(link), claimHash: hash(secret) }))
  find = (link: LinkName, secret: string): Promise<Answer> =>
    this.#answer(this.#service.findClaim({ tokenHash: tokenOf(link), claimHash: hash(secret) }))
  report: RealLinks['report'] = async (link, secret, { id, bytes, ranges }) => {
    const hashes = { tokenHash: tokenOf(link), claimHash: hash(secret) }
    return (await this.#service.report({ ...hashes, reportId: id, bytesSent: bytes, ranges: [...ranges] }))
      .claim
  }
  release = async (link: LinkName, secret: string): Promise<boolean> =>
    (await this.#service.release({ tokenHash: tokenOf(link), claimHash: hash(secret) })).released
  revoke = async (link: LinkName): Promise<void> => {
    await this.#service.revoke({ tokenHash: tokenOf(link), deleteHash: hash(`delete ${link}`) })
  }
  look: RealLinks['look'] = async (link) => {
    const { found } = await this.#service.find({ tokenHash: tokenOf(link) })
    return { state: found?.link.state ?? 'none', claimed: found?.link.claimed ?? 0 }
  }
  settle = (): Promise<void> => settleAll(this.#store, this.#time.now())

  pass = async (ms: number): Promise<void> => {
    const before = this.#time.now()
    await this.#clock.advance(ms)
    const passed = this.#time.now() - before
    // whole milliseconds on both sides
    const isSteady = passed >= ms * (1 - SLEW_RATE) - 1 && passed <= ms * (1 + SLEW_RATE) + 1
    assert.ok(isSteady, `${ms} ms were ${passed} ms`)
  }

  /** Killed: the time it had last noted is what the next one goes on from, and an outage lengthens leases. */
  restart = async (awayMs: number): Promise<void> => {
    const before = this.#time.now()
    await this.#store.advanceTime(before)
    await this.#clock.advance(awayMs)
    this.#time = new StoreTime(this.#clock)
    this.#time.resume(await this.#store.advanceTime(0), config.leaseMaxMs)
    this.#service = this.#newService()
    const lost = this.#time.now() - before
    // it lags behind the wall clock by the longest lease at most, over all outages there were
    const lagMs = this.#clock.now() - before
    assert.ok(lost >= 0 && lost <= Math.max(0, lagMs - config.leaseMaxMs) + 1, 'no lease ran meanwhile')
  }
}

const newModel = (): Model => {
  return {
    links: { 'one slot': new ModelLink(1, EXPIRY), 'three slots': new ModelLink(3, EXPIRY) },
    overBudget: (sentBytes) => sentBytes >= FILE_BYTES * (BUDGET_FACTOR + CONNECTIONS / 2)
  }
}

t.test('the service keeps the rules of redemption over any course of commands', async (t) => {
  t.setTimeout(TIME_LIMIT_MS + 60_000)
  let runs = 0
  const property = fc.asyncProperty(linkCommands, async (commands) => {
    runs++
    const real = await ServiceLinks.make()
    await fc.asyncModelRun(() => ({ model: newModel(), real }), commands)
  })
  await fc.assert(property, {
    numRuns: RUNS,
    interruptAfterTimeLimit: TIME_LIMIT_MS,
    markInterruptAsFailure: false
  })
  t.ok(runs > 0, `${runs} runs`)
})

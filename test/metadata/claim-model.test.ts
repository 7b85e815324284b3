/** Both stores against the rules of docs/share-links.md as claim-model.ts has them. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { MemoryMetadataStore } from '../../src/metadata/memory-metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import type { Claim, MetadataStore } from '../../src/metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import {
  EXPIRY,
  START,
  addFile,
  find,
  hash,
  release,
  report,
  revoke,
  settleAll,
  tokenOf
} from '../conformance/metadata-fixture.ts'
import { linkCommands } from './claim-commands.ts'
import type { Answer, LinkName, Model, RealLinks } from './claim-commands.ts'
import { ModelLink, TIMES, toldOf } from './claim-model.ts'

const RUNS = Number(process.env['PEERBIN_MODEL_RUNS'] ?? 30)
/** A slow machine does fewer runs, and says so by their number. */
const TIME_LIMIT_MS = process.env['PEERBIN_MODEL_RUNS'] === undefined ? 15_000 : 3_600_000

const answerOf = (result: Claim): Answer => {
  if (result.outcome === 'claimed') return { told: 'claimed', claim: result.claim }
  return { told: toldOf(result.outcome) }
}

/** A store, driven as the controller does. */
class StoreLinks implements RealLinks {
  readonly #store: MetadataStore
  readonly #reopen: boolean
  #now = START

  private constructor(store: MetadataStore, reopen: boolean) {
    this.#store = store
    this.#reopen = reopen
  }

  /** @param reopen a restart closes it and opens it again */
  static async make(store: MetadataStore, reopen: boolean): Promise<StoreLinks> {
    await addFile(store, 'one slot')
    await addFile(store, 'three slots', { downloads: 3 })
    return new StoreLinks(store, reopen)
  }

  now = (): number => this.#now
  claim = async (link: LinkName, secret: string): Promise<Answer> =>
    answerOf(
      await this.#store.claimLink({
        tokenHash: tokenOf(link),
        claimHash: hash(secret),
        now: this.#now,
        leaseMs: TIMES.leaseMs
      })
    )
  find = async (link: LinkName, secret: string): Promise<Answer> =>
    answerOf(await find(this.#store, link, secret, this.#now))
  report: RealLinks['report'] = async (link, secret, { id, bytes, ranges }) =>
    (await report(this.#store, link, secret, {
      ...TIMES,
      reportId: id,
      bytesSent: bytes,
      ranges: [...ranges],
      now: this.#now
    })) ?? null
  release = (link: LinkName, secret: string): Promise<boolean> => release(this.#store, link, secret)
  revoke = async (link: LinkName): Promise<void> => {
    await revoke(this.#store, link, this.#now)
  }
  look: RealLinks['look'] = async (link) => {
    const found = await this.#store.findLink(tokenOf(link))
    return { state: found?.link.state ?? 'none', claimed: found?.link.claimed ?? 0 }
  }
  settle = (): Promise<void> => settleAll(this.#store, this.#now)
  pass = async (ms: number): Promise<void> => {
    this.#now += ms
  }
  restart = async (): Promise<void> => {
    if (!this.#reopen) return
    await this.#store.close()
    await this.#store.open()
  }
}

const newModel = (): Model => {
  return {
    links: { 'one slot': new ModelLink(1, EXPIRY), 'three slots': new ModelLink(3, EXPIRY) },
    overBudget: () => false // the store counts bytes, and the service judges them
  }
}

const folder = mkdtempSync(join(tmpdir(), 'peerbin-claim-model-'))
t.teardown(() => rmSync(folder, { recursive: true }))
let files = 0
const STORES: Record<string, { make: () => MetadataStore; reopen: boolean }> = {
  memory: { make: () => new MemoryMetadataStore(), reopen: false },
  SQLite: {
    make: () =>
      new SqliteMetadataStore({
        file: join(folder, `${files++}.db`),
        operationsWaitingMax: 1000,
        logger: silentLogger
      }),
    reopen: true
  }
}

for (const [name, { make, reopen }] of Object.entries(STORES)) {
  t.test(`the ${name} store keeps the rules of redemption over any course of commands`, async (t) => {
    t.setTimeout(TIME_LIMIT_MS + 60_000)
    let runs = 0
    const property = fc.asyncProperty(linkCommands, async (commands) => {
      runs++
      const store = make()
      await store.open()
      try {
        const real = await StoreLinks.make(store, reopen)
        await fc.asyncModelRun(() => ({ model: newModel(), real }), commands)
      } finally {
        await store.close()
      }
    })
    await fc.assert(property, {
      numRuns: RUNS,
      interruptAfterTimeLimit: TIME_LIMIT_MS,
      markInterruptAsFailure: false
    })
    t.ok(runs > 0, `${runs} runs`)
  })
}

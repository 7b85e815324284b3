/** After the faults: everything heals, every acknowledged file is asked for, used links are tried again, and the disks are searched for what was deleted. */

import { z } from 'zod'
import { redeem, tryAgain } from './clients.ts'
import { runOn } from './cluster.ts'
import { contentOf } from './content.ts'
import { NeedleSearch } from './disks.ts'
import { type FileEntry, type Violation, deletedContents } from './ledger.ts'
import { HEAL_TIMEOUT_MS, type Scene, clientOf, graceMsOf, leaseMsOf, pause, until } from './scene.ts'
import { askStatus, isComparedSince, isWhole } from './status.ts'

const REDEEM_TIMEOUT_MS = 60_000
/** Beyond the grace, until the bytes of what was deleted are gone from the disks. */
const GONE_TIMEOUT_MS = 90_000

const suspendedLinks = z.array(z.object({ fileId: z.string() }))

export class Aftermath {
  readonly violations: Violation[] = []
  readonly #scene: Scene

  constructor(scene: Scene) {
    this.#scene = scene
  }

  /**
   * Every fault is over, but some of the clients may still be at it. @param acting resolves when these have gone home @returns ms until every node was back and no
   * copy owed
   */
  async heal(acting: Promise<void>): Promise<number> {
    const scene = this.#scene
    const { cluster } = scene
    const history = scene.history
    const { plants = [], healTimeoutMs = HEAL_TIMEOUT_MS } = scene.options
    const atMs = history.now()
    const wallMs = Date.now()
    for (const proxy of cluster.proxies) proxy.stall(false)
    for (const process of cluster.all) process.resume()
    for (const process of cluster.all) process.start()
    if (plants.includes('a node that stays away')) await cluster.living[0]?.kill()
    const tell = (what: string): void =>
      scene.options.log(`${what} ${Math.round((history.now() - atMs) / 100) / 10} s after the last fault`)
    const isHealed = async (): Promise<boolean> =>
      isWhole(await askStatus(cluster.directUrls), cluster.living.length)
    await until(healTimeoutMs, isHealed)
    const tookMs = history.now() - atMs
    scene.giveUpAt = performance.now() + REDEEM_TIMEOUT_MS
    await acting
    tell('clients had gone home')
    // what they left behind is settled, and every node has been asked what it really has
    const whole = await until(healTimeoutMs, async () => {
      const status = await askStatus(cluster.directUrls)
      return isComparedSince(status, wallMs) && isWhole(status, cluster.living.length)
    })
    tell(whole ? 'every node was compared, and every chunk had its copies' : 'not whole')
    if (!whole) {
      const status = await askStatus(cluster.directUrls)
      const active = status?.nodes.filter((node) => node.liveness === 'active').length
      const text = `${healTimeoutMs / 1000} s after healing: ${active ?? 'no'} of ${cluster.living.length} nodes active, ${status?.chunksOwed} copies owed, ${status?.chunksWithoutCopy} chunks without a copy, repair ${JSON.stringify(status?.repair)}`
      this.violations.push({ invariant: 'copies', file: null, text, atMs })
    }
    return tookMs
  }

  /** A recovery suspends links that may have been redeemed. Those that nobody was granted live again, as an administrator would decide who has asked everybody. */
  async settleSuspended(): Promise<void> {
    const { cluster, files } = this.#scene
    const status = await askStatus(cluster.directUrls)
    if ((status?.linksSuspended ?? 0) === 0) return
    const listed = suspendedLinks.parse(JSON.parse(await runOn(cluster.controller, ['links', '--json'])))
    const suspended = new Set(listed.map(({ fileId }) => fileId))
    const resumed: string[] = []
    for (const file of files) {
      if (file.fileId === null || !suspended.has(file.fileId)) continue
      const granted = file.redeemers.some((redeemer) => redeemer.granted || redeemer.bytes > 0)
      file.suspended = granted || file.revoked !== 'no' ? 'kept' : 'resumed'
      if (file.suspended === 'resumed') resumed.push(file.fileId)
    }
    if (resumed.length > 0) await runOn(cluster.controller, ['links', 'resume', ...resumed])
  }

  async askForTheRest(): Promise<void> {
    const scene = this.#scene
    const client = clientOf(scene, 300)
    const acknowledged = scene.files.filter((file) => file.upload === 'acknowledged')
    const left = acknowledged.filter(
      ({ redeemers, revoked, suspended }) =>
        (redeemers.length === 0 && revoked === 'no' && suspended === 'no') || suspended === 'resumed'
    )
    const each = async (files: FileEntry[], work: (file: FileEntry) => Promise<void>): Promise<void> => {
      const queue = [...files]
      const lane = async (): Promise<void> => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) await work(file)
      }
      await Promise.all([lane(), lane(), lane(), lane()])
    }
    await each(left, async (file) => {
      const deadline = performance.now() + REDEEM_TIMEOUT_MS
      await redeem(client, file, () => deadline)
    })
    const used = acknowledged.filter(
      (file) => file.revoked === 'acknowledged' || file.redeemers.some(({ outcome }) => outcome === 'won')
    )
    await each(used, async (file) => tryAgain(client, file, performance.now() + REDEEM_TIMEOUT_MS))
  }

  /** What was delivered or withdrawn must leave every disk, some time after the grace. */
  async searchDisks(): Promise<void> {
    const scene = this.#scene
    const { seed } = scene.options
    const { goneTimeoutMs = leaseMsOf(scene.options) + graceMsOf(scene.options) + GONE_TIMEOUT_MS } =
      scene.options
    const contents = deletedContents(scene.files)
    const search = new NeedleSearch()
    for (const [content, { sizeBytes }] of contents) search.add(content, contentOf(seed, content, sizeBytes))
    const everywhere = async (): Promise<Array<readonly [content: number, path: string]>> => {
      const found = []
      for (const node of scene.cluster.living) found.push(...(await search.find(node.folder)))
      return found
    }
    // while one file still has some, the others need not be read again: that would keep the machine from what is waited for
    let seenIn: string | undefined
    const gone = await until(goneTimeoutMs, async () => {
      if (seenIn === undefined || (await search.inFile(seenIn)).size === 0)
        seenIn = (await everywhere()).at(-1)?.[1]
      if (seenIn !== undefined) await pause(1000)
      return seenIn === undefined
    })
    if (gone) return
    for (const [content, path] of await everywhere()) {
      const file = contents.get(content)
      const text = `its bytes are still in ${path}`
      this.violations.push({
        invariant: 'deleted bytes',
        file: file?.index ?? null,
        text,
        atMs: scene.history.now()
      })
    }
  }
}

/** After the faults: everything heals, every acknowledged file is asked for, used links are tried again, and the disks are searched for what was deleted. */

import { redeem, tryAgain } from './clients.ts'
import { contentOf } from './content.ts'
import { NeedleSearch } from './disks.ts'
import { type FileEntry, type Violation, deletedContents } from './ledger.ts'
import { HEAL_TIMEOUT_MS, type Scene, clientOf, graceMsOf, pause, until } from './scene.ts'
import { askStatus, isWhole } from './status.ts'

const REDEEM_TIMEOUT_MS = 60_000
/** Beyond the grace, until the bytes of what was deleted are gone from the disks. */
const GONE_TIMEOUT_MS = 90_000

export class Aftermath {
  readonly violations: Violation[] = []
  readonly #scene: Scene

  constructor(scene: Scene) {
    this.#scene = scene
  }

  /** Every fault is over. @returns ms until every node was back and no copy owed */
  async heal(): Promise<number> {
    const scene = this.#scene
    const { cluster } = scene
    const history = scene.history
    const { plant, healTimeoutMs = HEAL_TIMEOUT_MS } = scene.options
    const atMs = history.now()
    for (const proxy of cluster.proxies) proxy.stall(false)
    for (const process of cluster.all) process.resume()
    for (const process of cluster.all) process.start()
    if (plant === 'a node that stays away') await cluster.living[0]?.kill()
    const whole = await until(healTimeoutMs, async () =>
      isWhole(await askStatus(cluster.directUrls), cluster.living.length)
    )
    const tookMs = history.now() - atMs
    if (!whole) {
      const status = await askStatus(cluster.directUrls)
      const active = status?.nodes.filter((node) => node.liveness === 'active').length
      const text = `${healTimeoutMs / 1000} s after healing: ${active ?? 'no'} of ${cluster.living.length} nodes active, ${status?.chunksOwed} copies owed, ${status?.chunksWithoutCopy} chunks without a copy, repair ${JSON.stringify(status?.repair)}`
      this.violations.push({ invariant: 'copies', file: null, text, atMs })
    }
    return tookMs
  }

  async askForTheRest(): Promise<void> {
    const scene = this.#scene
    const client = clientOf(scene, 300)
    const acknowledged = scene.files.filter((file) => file.upload === 'acknowledged')
    const left = acknowledged.filter((file) => file.redeemers.length === 0 && file.revoked === 'no')
    const each = async (files: FileEntry[], work: (file: FileEntry) => Promise<void>): Promise<void> => {
      const queue = [...files]
      const lane = async (): Promise<void> => {
        for (let file = queue.shift(); file !== undefined; file = queue.shift()) await work(file)
      }
      await Promise.all([lane(), lane(), lane(), lane()])
    }
    await each(left, async (file) => redeem(client, file, performance.now() + REDEEM_TIMEOUT_MS))
    const used = acknowledged.filter(
      (file) => file.revoked === 'acknowledged' || file.redeemers.some(({ outcome }) => outcome === 'won')
    )
    await each(used, async (file) => tryAgain(client, file, performance.now() + REDEEM_TIMEOUT_MS))
  }

  /** What was delivered or withdrawn must leave every disk, some time after the grace. */
  async searchDisks(): Promise<void> {
    const scene = this.#scene
    const { seed, goneTimeoutMs = GONE_TIMEOUT_MS } = scene.options
    const contents = deletedContents(scene.files)
    const search = new NeedleSearch()
    for (const [content, { sizeBytes }] of contents) search.add(content, contentOf(seed, content, sizeBytes))
    let found = new Map<number, string>()
    const gone = await until(graceMsOf(scene.options) + goneTimeoutMs, async () => {
      found = new Map()
      for (const node of scene.cluster.living)
        for (const [content, path] of await search.find(node.folder)) found.set(content, path)
      if (found.size > 0) await pause(1000)
      return found.size === 0
    })
    if (gone) return
    for (const [content, path] of found) {
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

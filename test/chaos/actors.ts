/** What clients do while faults happen, and the mistakes that tests plant meanwhile. Who asked for a file goes on until the run has healed. */

import { redeem, revoke, uploadFile } from './clients.ts'
import { contentOf } from './content.ts'
import { plantBytes } from './disks.ts'
import { deletedContents, type FileEntry } from './ledger.ts'
import { type Scene, clientOf, pause, until } from './scene.ts'

const SIZE_MAX = 9_000_000
/** Files left alone during the run, and asked for once it has healed. */
const LEFT_MAX = 60
/** Until a file was got or withdrawn, on a machine that may be busy. */
const PLANT_TIMEOUT_MS = 60_000

export class Actors {
  readonly #scene: Scene
  #index = 0
  #stopping = false

  constructor(scene: Scene) {
    this.#scene = scene
  }

  /** Resolves when everybody has gone home after `stop`. */
  async run(): Promise<void> {
    await Promise.all([
      ...Array.from({ length: this.#scene.options.uploaders }, (_, i) => this.#uploader(i)),
      this.#racer(100),
      this.#racer(101),
      this.#revoker(),
      this.#planted()
    ])
  }

  stop(): void {
    this.#stopping = true
  }

  async #uploader(number: number): Promise<void> {
    const { seed } = this.#scene.options
    const client = clientOf(this.#scene, number)
    const { dice } = client
    while (!this.#stopping) {
      const index = this.#index++
      // some bring bytes that were there before: their chunks are shared, also with a file that is just being deleted
      const earlier =
        dice.fraction() < 0.12 && this.#scene.files.length > 0 ? dice.pick(this.#scene.files) : undefined
      const content = earlier?.content ?? index
      // a third of the files fits one chunk, and a few are tiny
      const sizeBytes = earlier?.sizeBytes ?? dice.whole(1, dice.pick([100, 1_000_000, SIZE_MAX]))
      const entry = await uploadFile(client, { seed, index, content, sizeBytes })
      this.#scene.files.push(entry)
      if (entry.upload !== 'acknowledged') await pause(300)
    }
  }

  /** Takes files that nobody has redeemed yet and sets several redeemers on each at once; some are left for the end. */
  async #racer(number: number): Promise<void> {
    const client = clientOf(this.#scene, number)
    while (!this.#stopping) {
      const waiting = this.#scene.files.filter(
        (entry) => entry.upload === 'acknowledged' && entry.redeemers.length === 0 && entry.revoked === 'no'
      )
      const file =
        waiting.find(({ index }) => index % 2 === 0) ?? (waiting.length > LEFT_MAX ? waiting[0] : undefined)
      if (file === undefined) {
        await pause(100)
        continue
      }
      await Promise.all(
        Array.from({ length: client.dice.whole(1, 6) }, async () =>
          redeem(client, file, () => this.#scene.giveUpAt)
        )
      )
    }
  }

  /** Withdraws a link now and then, and asks for it right after. */
  async #revoker(): Promise<void> {
    const client = clientOf(this.#scene, 200)
    while (!this.#stopping) {
      await pause(client.dice.between(500, 2500))
      const file = this.#scene.files.findLast(
        (entry) =>
          entry.upload === 'acknowledged' &&
          entry.redeemers.length === 0 &&
          entry.revoked === 'no' &&
          entry.index % 2 === 1
      )
      if (file === undefined || this.#stopping) continue
      await revoke(client, file)
      if (file.revoked === 'acknowledged') await redeem(client, file, () => this.#scene.giveUpAt)
    }
  }

  async #planted(): Promise<void> {
    const { plants = [], seed, seconds } = this.#scene.options
    if (plants.length === 0) return
    await pause((seconds * 1000) / 2)
    if (plants.includes('a link that is gone')) await this.#loseLink()
    if (plants.includes('a death')) {
      const { pid } = this.#scene.cluster.controller
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
    }
    if (plants.includes('forgotten bytes')) {
      const node = this.#scene.cluster.living[0]
      const entry = await this.#deleted()
      if (node === undefined || entry === undefined) throw new Error('nothing to plant')
      await plantBytes(node.folder, contentOf(seed, entry.content, entry.sizeBytes))
    }
    // the last: what is answered from now on is nobody's file
    if (plants.includes('damaged answers'))
      for (const proxy of this.#scene.cluster.proxies) proxy.damage(true)
  }

  /** A file whose link somebody else has used up before anybody could ask for it. */
  async #loseLink(): Promise<void> {
    const { seed } = this.#scene.options
    const client = clientOf(this.#scene, 400)
    await until(PLANT_TIMEOUT_MS, async () => {
      const index = this.#index++
      const file = await uploadFile(client, { seed, index, content: index, sizeBytes: 1000 })
      if (file.upload === 'acknowledged') await revoke(client, file)
      const lost = file.revoked === 'acknowledged'
      if (!lost) return false
      // whoever reads the ledger does not know of it
      const planted = { ...file, revoked: 'no' as const }
      this.#scene.files.push(planted)
      // now, while answers are what they are: what is planted after it spoils them
      const deadline = performance.now() + PLANT_TIMEOUT_MS
      await redeem(client, planted, () => deadline)
      return true
    })
  }

  /** A file that was got or withdrawn, with all that has its bytes. When the others have come to none, one is uploaded and withdrawn for it. */
  async #deleted(): Promise<FileEntry | undefined> {
    const { seed } = this.#scene.options
    const client = clientOf(this.#scene, 300)
    const deleted = (): FileEntry | undefined =>
      [...deletedContents(this.#scene.files).values()].find(({ sizeBytes }) => sizeBytes > 32)
    await until(PLANT_TIMEOUT_MS, async () => {
      if (deleted() !== undefined) return true
      const index = this.#index++
      const file = await uploadFile(client, { seed, index, content: index, sizeBytes: 1000 })
      this.#scene.files.push(file)
      if (file.upload === 'acknowledged') await revoke(client, file)
      return deleted() !== undefined
    })
    return deleted()
  }
}

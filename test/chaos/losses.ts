/** Faults that take copies or whole machines away, or the room for more. */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { runOn } from './cluster.ts'
import { emptyDisk, fillDisk, flipBits, wipe } from './disks.ts'
import type { FaultContext } from './faults.ts'
import type { ChaosProcess } from './process.ts'

const RECOVERY_TIMEOUT_MS = 120_000
const SCRUB_TIMEOUT_MS = 90_000

export async function wipeDisk({ targets: [target], last, whole }: FaultContext): Promise<void> {
  if (target === undefined) return
  await target.kill()
  await wipe(target.folder)
  await last()
  const wallMs = Date.now()
  target.start()
  await whole({ node: target, wallMs })
}

export async function flip({
  targets: [target],
  dice,
  history,
  planned,
  whole
}: FaultContext): Promise<void> {
  if (target === undefined) return
  const stopped = planned.choice < 0.5
  if (stopped) await target.kill()
  const where = await flipBits(join(target.folder, 'chunks'), dice)
  history.begin(target.name, 'note', `bits flipped: ${where}`)()
  const wallMs = Date.now()
  if (stopped) target.start()
  // whatever the background work of the node has not met by then, an operator's pass over everything does
  await whole({ node: target, wallMs })
  await scrub(target)
  await whole({ wallMs })
}

/** The node may still be starting, or be down because of what it found. */
async function scrub(target: ChaosProcess): Promise<void> {
  const deadline = performance.now() + SCRUB_TIMEOUT_MS
  for (;;) {
    try {
      await runOn(target, ['scrub', await target.peer(), '--json'])
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
      await setTimeout(500)
    }
  }
}

export async function loseNode({ cluster, targets: [target], whole, last }: FaultContext): Promise<void> {
  if (target === undefined) return
  const wallMs = Date.now()
  await target.kill()
  target.gone = true
  await wipe(target.folder)
  await rm(join(target.folder, 'identity'), { force: true })
  await last()
  const fresh = await cluster.addNode(`node-${cluster.nodes.length + 1}`)
  fresh.start()
  await whole({ node: fresh, wallMs })
}

export async function fillAndEmpty({ targets: [target], last }: FaultContext): Promise<void> {
  if (target === undefined) return
  const disk = join(target.folder, 'chunks')
  await fillDisk(disk)
  await last()
  await emptyDisk(disk)
  target.start() // it may have ended: harmless if not
}

/** As an operator would: another machine takes over once nobody hears the old controller, and when every chunk has its copies, deleting goes on. */
export async function loseController({
  cluster,
  targets: [target],
  history,
  last,
  whole
}: FaultContext): Promise<void> {
  if (target === undefined) return
  const wallMs = Date.now()
  await cluster.loseController()
  await last()
  const deadline = performance.now() + RECOVERY_TIMEOUT_MS
  for (;;) {
    if ((await target.startUntilReady()) === undefined) break
    const words = await target.lastWords()
    if (!words.includes('(recovery-refused)') || performance.now() > deadline)
      throw new Error(`the controller was not recovered: ${words}`)
    history.begin(target.name, 'note', `refused: ${words.slice(0, 200)}`)()
    await setTimeout(Number(/try again in (\d+) s/.exec(words)?.[1] ?? 1) * 1000)
  }
  await cluster.controllerRecovered()
  await whole({ wallMs, compared: true })
  await runOn(target, ['collector', 'resume'])
  history.begin(target.name, 'note', 'deleting goes on')()
}

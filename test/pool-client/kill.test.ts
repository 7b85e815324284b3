/** Whatever the moment in which the process that sends is killed: every file arrives, and each once. */

import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startPool } from '../edge/pools/pools-kit.ts'
import { WITHOUT_LOADERS } from '../kit/processes.ts'
import { testFolder } from '../kit/test-folder.ts'

interface Run {
  signal: NodeJS.Signals | null
  lines: Array<Record<string, unknown>>
}

async function run(env: Record<string, string>): Promise<Run> {
  const program = join(import.meta.dirname, 'sending-process.ts')
  const child = spawn('env', [...WITHOUT_LOADERS, process.execPath, program], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('close', (_code, signal) => resolve(signal))
  })
  const output = await text(child.stdout)
  const lines = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { signal: await ended, lines }
}

const STEPS = [
  ['add.copied', 1],
  ['add.copied', 3],
  ['add.recorded', 2],
  ['batch.planned', 1],
  ['batch.announced', 1],
  ['file.sent', 1],
  ['file.sent', 3],
  ['commit.asked', 1],
  ['commit.answered', 1],
  ['sent.recorded', 1],
  ['batch.sent', 1]
] as const

const world = await startPool(t, { settings: { frequency_s: 3600 } })
const hour = 3_600_000
let window = Math.floor(Date.now() / hour) * hour

for (const [step, nth] of STEPS) {
  window -= hour
  const at = window
  t.test(`killed after ${step}, ${nth}.`, async (t) => {
    const folder = testFolder(t)
    const env = {
      SERVER: world.url,
      TOKEN: world.producer,
      POOL: world.pool,
      FOLDER: folder,
      AT: String(at),
      STEP: step,
      NTH: String(nth)
    }
    const killed = await run(env)
    t.equal(killed.signal, 'SIGKILL', 'it was killed there')
    const again = await run({ ...env, STEP: '' })
    t.equal(again.signal, null)
    // acknowledged, and noted here: what is queued once more has been sent before
    const isOver = step === 'sent.recorded' || step === 'batch.sent'
    const summary = again.lines.at(-1)
    t.match(summary, { files: 0, refused: 0, sent: isOver ? 6 : 3 })
    const sent = again.lines.filter(({ type }) => type === 'sent')
    t.equal(sent.length, 1, 'in one batch')
    t.equal(sent[0]?.['duplicates'], isOver ? 3 : 0, 'under the id that it had before')
    const groups = (await world.groups()).filter(({ start }) => start === new Date(at).toISOString())
    t.equal(groups.length, 1, 'in the group of its window')
    t.match(groups[0], { files: 3, producers: 1 })
    t.same(await namesIn(String(groups[0]?.['group'])), ['a.txt', 'b.txt', 'c.txt'])
    const left = await readdir(join(folder, 'files'))
    t.ok(left.length <= 3, 'what is left of bytes is what nobody had recorded, or no record names any more')
  })
}

async function namesIn(group: string): Promise<string[]> {
  const { bytes } = await world.fetch(`groups/${group}/manifest`, world.owner.token)
  const lines = bytes.toString().split('\n')
  return lines
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { name: string }).name)
    .toSorted()
}

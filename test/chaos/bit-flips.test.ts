/** 200 flips in the files of a node's store: each read gives the right bytes or an error. What a put repairs is in test/node/store/rot.test.ts. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { z } from 'zod'
import { WITHOUT_LOADERS } from '../kit/processes.ts'
import { testFolder } from '../kit/test-folder.ts'
import { makeTemplate, SEED } from './flip-rounds.ts'
import type { Reader, Seen } from './flip-rounds.ts'

t.setTimeout(300_000)

const ROUNDS = Number(process.env['PEERBIN_BIT_FLIPS'] ?? 200)
const CHILD = fileURLToPath(new URL('./flip-rounds.ts', import.meta.url))
/** Of all rounds; far more is another fault than a block in which LevelDB finds nonsense. */
const ABORTED_SHARE_MAX = 0.1

const lineSchema = z.object({
  round: z.int(),
  where: z.unknown(),
  seen: z.object({ right: z.int(), lost: z.int(), refused: z.int(), wrong: z.int() })
})

interface Outcome {
  readonly seen: Seen
  /** Rounds that ended the process. */
  readonly aborted: number
}

/** @throws when the process ends in any other way than by itself or by an assertion of LevelDB */
async function flipAndRead(t: Test, rounds: number, reader: Reader): Promise<Outcome> {
  const root = testFolder(t)
  await makeTemplate(join(root, 'template'))
  const seen: Seen = { right: 0, lost: 0, refused: 0, wrong: 0 }
  let aborted = 0
  for (let round = 0; round < rounds;) {
    const args = [...WITHOUT_LOADERS, process.execPath, CHILD, reader, root, `${round}`, `${rounds}`]
    const child = spawn('env', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    let errors = ''
    child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
    let output = ''
    child.stdout.on('data', (data: Buffer) => (output += data.toString()))
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    for (const line of output.split('\n').slice(0, -1)) {
      const told = lineSchema.parse(JSON.parse(line))
      for (const key of ['right', 'lost', 'refused', 'wrong'] as const) seen[key] += told.seen[key]
      if (told.seen.wrong > 0)
        t.comment(`round ${told.round}: wrong bytes after ${JSON.stringify(told.where)}`)
      round = told.round + 1
    }
    if (code === 0) break
    if (signal !== 'SIGABRT' || !/leveldb.*Assertion/.test(errors))
      throw new Error(`round ${round} ended with ${code ?? signal}: ${errors}`)
    aborted++
    round++
  }
  t.comment(JSON.stringify({ ...seen, aborted }))
  return { seen, aborted }
}

t.test(`${ROUNDS} times bits flip, and no wrong byte is read (seed ${SEED})`, async (t) => {
  const { seen, aborted } = await flipAndRead(t, ROUNDS, 'store')
  t.equal(seen.wrong, 0)
  t.ok(seen.right > 0 && seen.lost > 0, 'the flips reach what matters')
  t.ok(aborted <= ROUNDS * ABORTED_SHARE_MAX, `LevelDB ended the process in ${aborted} rounds`)
})

t.test('a store that believes what it reads is found', async (t) => {
  const { seen } = await flipAndRead(t, 40, 'believer')
  t.ok(seen.wrong > 0)
})

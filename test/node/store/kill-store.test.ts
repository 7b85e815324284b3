/** kill -9 in the middle of puts and deletes: what was acknowledged is there (or gone) when the store is opened again. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { LevelChunkStore } from '../../../src/node/store/level-chunk-store.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { G1 } from '../../conformance/chunk-store-kit.ts'
import { seededChunk } from './seeded-chunk.ts'
import { testFolder } from '../../kit/test-folder.ts'

const CHILD = fileURLToPath(new URL('./putting-child.ts', import.meta.url))
/** Acknowledgements after which the child is killed, one round each; every round goes on in the same folder. */
const ROUNDS = [1, 5, 40, 17]

type State = 'put' | 'deleting' | 'deleted'

/** Runs the child until it has acknowledged `count` puts, kills it, and answers the last that it said of each chunk. */
async function killAfter(folder: string, first: number, count: number): Promise<Map<number, State>> {
  const child = spawn(process.execPath, [CHILD, folder, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const exited = once(child, 'exit')
  const said = new Map<number, State>()
  let puts = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, seed] = line.split(' ')
    if (word === 'put' && ++puts === count) child.kill('SIGKILL') // lines already in the pipe still count
    if (word === 'put' || word === 'deleting' || word === 'deleted') said.set(Number(seed), word)
  }
  const [code, signal] = (await exited) as [number | null, string | null]
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself: ${String(code)}, ${String(signal)}`)
  return said
}

t.test(
  'nothing acknowledged is lost by kill -9, and nothing deleted comes back',
  { timeout: 120_000 },
  async (t) => {
    const folder = testFolder(t)
    const known = new Map<number, State>()
    for (const [round, count] of ROUNDS.entries()) {
      for (const [seed, state] of await killAfter(folder, round * 100_000, count)) known.set(seed, state)
      const store = new LevelChunkStore({ folder, clock: systemClock, capacityBytes: 0 })
      await store.open()
      const wrong: string[] = []
      for (const [seed, state] of known) {
        const { id, bytes } = seededChunk(seed)
        const answer = await store.get(id).catch((error: unknown) => String(error))
        const there = answer instanceof Uint8Array && Buffer.compare(answer, bytes) === 0
        const gone = typeof answer === 'string' && answer.includes('does not hold')
        const right = state === 'put' ? there : state === 'deleted' ? gone : there || gone
        if (!right) wrong.push(`${seed} (${state}): ${typeof answer === 'string' ? answer : 'is there'}`)
      }
      t.same(wrong, [], `round ${round}, ${known.size} chunks`)
      const counted = await store.usage()
      const listed = await store.list({ limit: 10_000 })
      t.equal(counted.chunks, listed.length)
      t.equal(
        counted.usedBytes,
        listed.reduce((sum, info) => sum + info.sizeBytes, 0)
      )
      const extra = seededChunk(round * 100_000 + 99_999)
      await store.put(extra.id, extra.bytes, G1)
      t.ok(Buffer.from(extra.bytes).equals(await store.get(extra.id)), 'it takes chunks again')
      await store.reclaim()
      await store.close()
    }
  }
)

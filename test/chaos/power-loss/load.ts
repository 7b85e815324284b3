/**
 * A whole cluster in one process, on disk, under a load of uploads, redemptions and withdrawals, which prints a line right after each promise it has made. Traced by
 * record.ts. Arguments: folder, number of this life, and `lazy` to plant a mistake: LevelDB and SQLite do not sync.
 */

import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Level } from 'level'
import { createCluster } from '../../../src/index.ts'
import { hashSecret } from '../../../src/protocol/secrets.ts'
import { contentOf } from '../content.ts'
import { Dice } from '../random.ts'

const [folder = '', life = '0', planted = ''] = process.argv.slice(2)
const SEED = 77
const LANES = 3
const FILES_PER_LANE = 5
const SIZE_MAX = 40_000

/** Everything a LevelDB of `level` is. */
const AbstractLevel = Object.getPrototypeOf(Level.prototype) as object
type Batch = (this: unknown, operations: unknown, options: object) => Promise<void>
type Exec = (this: unknown, sql: string) => void

if (planted === 'lazy-chunks') {
  const synced = Object.getOwnPropertyDescriptor(AbstractLevel, 'batch')?.value as Batch
  const lazy: Batch = function lazy(operations, options) {
    return synced.call(this, operations, { ...options, sync: false })
  }
  Object.defineProperty(AbstractLevel, 'batch', { value: lazy })
}
if (planted === 'lazy-metadata') {
  const synced = Object.getOwnPropertyDescriptor(DatabaseSync.prototype, 'exec')?.value as Exec
  const lazy: Exec = function lazy(sql) {
    synced.call(this, sql.replace(/synchronous = full/i, 'synchronous = off'))
  }
  Object.defineProperty(DatabaseSync.prototype, 'exec', { value: lazy })
}

/** Written at once, not when the event loop comes round to it. */
const say = (fact: object): void => void writeSync(1, `${JSON.stringify(fact)}\n`)

const cluster = await createCluster({
  nodes: 3,
  edges: 1,
  data: folder,
  network: 'memory',
  config: {
    heartbeat: { intervalMs: 100, suspectAfterMs: 20_000, downAfterMs: 40_000 },
    node: { reserveBytes: 0, ballastBytes: 0, reportIntervalMs: 20 },
    edge: { port: 0 },
    controller: { settleIntervalMs: 200, collectIntervalMs: 200, owedIntervalMs: 200 }
  }
})
await cluster.start()
for (const [i, node] of cluster.nodes.entries())
  say({ did: 'started', node: `node-${i + 1}`, peer: node.peerId })

async function lane(number: number): Promise<void> {
  const dice = new Dice(SEED + Number(life) * 100 + number)
  for (let i = 0; i < FILES_PER_LANE; i++) {
    const index = Number(life) * 10_000 + number * 100 + i
    const bytes = contentOf(SEED, index, dice.whole(1, SIZE_MAX))
    const { file, token, deleteSecret, url } = await cluster.upload(bytes, { name: `file-${index}` })
    const tokenHash = hashSecret(token)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    say({ did: 'upload', tokenHash, file: file.id, manifest: file.manifest, sha256 })
    const what = dice.fraction()
    if (what < 0.4) {
      await cluster.download(token)
      say({ did: 'claim', tokenHash })
    } else if (what < 0.6) {
      say({ did: 'revoking', tokenHash })
      const answer = await fetch(`${url}?secret=${deleteSecret}`, { method: 'DELETE' })
      if (answer.status === 204) say({ did: 'revoke', tokenHash })
    }
  }
}
await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
say({ did: 'end' })
if (life === '1') process.kill(process.pid, 'SIGKILL') // the next life begins with what a crash left
await cluster.stop()

/**
 * One client: trains on its own measurements, sends its update, waits for the average of all, and so on. It may be killed at any time: what it has queued is sent, and results are taken up where it was.
 *
 * With OFFLINE=1 it has no network: it does what it can, and ends.
 */

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode, listen, PoolClient, readResult, SendQueue } from '../../src/pool-client/index.ts'
import type { ListenPlace } from '../../src/pool-client/index.ts'
import { FIRST, fromJson, ROUNDS, train, WINDOW_MS } from './model.ts'
import type { Model } from './model.ts'

const given = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is needed`)
  return value
}

const number = Number(given('CLIENT'))
const folder = given('FOLDER')
/** Start of the first round's window. */
const base = Number(given('BASE'))

interface Kept {
  readonly model: Model
  readonly place: ListenPlace
}

await mkdir(folder, { recursive: true })
const path = join(folder, 'model.json')
const text = await readFile(path, 'utf8').catch(() => undefined)
let kept: Kept = text === undefined ? { model: FIRST, place: {} } : (JSON.parse(text) as Kept)
async function keep(next: Kept): Promise<void> {
  kept = next
  await writeFile(`${path}.new`, JSON.stringify(next))
  await rename(`${path}.new`, path)
}

const queue = new SendQueue({ folder: join(folder, 'queue') })

/** Whatever of it was queued or sent before is not sent twice: name and timestamp are the same. */
async function queueUpdate(model: Model): Promise<void> {
  const at = base + model.round * WINDOW_MS + number
  const metadata = { client: String(number), round: String(model.round) }
  const update = Buffer.from(JSON.stringify(train(model, number)))
  const log = Buffer.from(`client ${number} trained round ${model.round + 1}\n`)
  const about = { timestamp: at, metadata }
  // a group closes when all have sent something: what belongs together goes in one batch
  await queue.addTogether([
    { ...about, name: `update-${model.round}.json`, bytes: update, mediaType: 'application/json' },
    { ...about, name: `log-${model.round}.txt`, bytes: log, mediaType: 'text/plain' }
  ])
}

if (kept.model.round < ROUNDS) await queueUpdate(kept.model)
if (process.env['OFFLINE'] !== '1') {
  const client = new PoolClient({
    server: given('SERVERS').split(','),
    token: given('TOKEN'),
    pool: given('POOL')
  })
  const done = new AbortController()
  const sending = queue.run(client, {
    signal: done.signal,
    onEvent: (event) => {
      if (event.type === 'waiting') console.error(event.why.message)
      if (event.type === 'refused') console.error(`${event.name}: ${event.error.message}`)
    }
  })
  sending.catch((error: unknown) => done.abort(error))
  if (kept.model.round < ROUNDS)
    await listen(
      client,
      async (group, signal) => {
        const model = fromJson<Model>(await readResult(client, group, signal))
        if (model.round !== kept.model.round + 1) throw new Error('a result came twice, or out of order')
        if (model.round < ROUNDS) await queueUpdate(model)
        await keep({ ...kept, model })
        if (model.round === ROUNDS) done.abort()
      },
      { signal: done.signal, from: kept.place, keep: async (place) => await keep({ ...kept, place }) }
    )
  done.abort()
  await sending.catch((error: unknown) => {
    if (!hasCode(error, 'aborted')) throw error
  })
}
queue.close()
console.log(JSON.stringify(kept.model))

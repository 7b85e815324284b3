/** The server: averages the updates of each group that is ready. Any number of these may run; each group goes to one of them, and to another if that one dies. */

import { PoolClient, serve, WorkFailed } from '../../src/pool-client/index.ts'
import { average, CLIENTS, fromJson } from './model.ts'
import type { Update } from './model.ts'

const given = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is needed`)
  return value
}

const client = new PoolClient({
  server: given('SERVERS').split(','),
  token: given('TOKEN'),
  pool: given('POOL')
})
const stop = new AbortController()
process.on('SIGTERM', () => stop.abort())

await serve(
  client,
  async (job) => {
    console.log(`taken ${job.group.group} ${job.group.attempts}`)
    // as if it took minutes; whoever kills this process finds it here
    if (process.env['SLOW'] === '1') await new Promise((resolve) => setTimeout(resolve, 60_000))
    const updates: Update[] = []
    for await (const file of job.files())
      if (file.name.startsWith('update-')) updates.push(fromJson<Update>(await job.read(file)))
    if (updates.length !== CLIENTS) throw new WorkFailed(`${updates.length} updates of ${CLIENTS}`)
    const body = new Blob([JSON.stringify(average(updates))])
    return {
      body,
      name: 'model.json',
      mediaType: 'application/json',
      metadata: { updates: String(updates.length) }
    }
  },
  {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === 'done') console.log(`done ${event.group.group}`)
      if (event.type === 'failed') console.log(`failed ${event.group.group}: ${event.reason}`)
    }
  }
)

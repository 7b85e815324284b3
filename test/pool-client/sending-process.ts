/** A process that queues files and sends them, and is killed where it is told: after the step STEP has come about NTH times. */

import { PoolClient, SendQueue } from '../../src/pool-client/index.ts'

const given = (name: string): string => process.env[name] ?? ''
let left = Number(given('NTH'))

const queue = new SendQueue({
  folder: given('FOLDER'),
  onStep: async (step) => {
    if (step !== given('STEP') || --left > 0) return
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {}) // nothing more may happen, however long the signal takes
  }
})
const client = new PoolClient({ server: given('SERVER'), token: given('TOKEN'), pool: given('POOL') })
const at = Number(given('AT'))
for (const name of ['a.txt', 'b.txt', 'c.txt'])
  await queue.add(Buffer.from(`bytes of ${name}`), { name, timestamp: at, mediaType: 'text/plain' })
await queue.send(client, {
  limitMs: 60_000,
  onEvent: (event) => {
    if (event.type === 'sent') console.log(JSON.stringify(event))
  }
})
console.log(JSON.stringify(queue.summary()))
queue.close()

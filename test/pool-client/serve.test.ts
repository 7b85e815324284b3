import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { PoolClient, serve, WorkFailed } from '../../src/pool-client/index.ts'
import type { GroupAnswer, GroupManifest, Job, ServeEvent, WorkResult } from '../../src/pool-client/index.ts'
import { startPool } from '../edge/pools/pools-kit.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'

const world = await startPool(t, {
  settings: { frequency_s: 3600, lease_s: 5, attempts_max: 5 },
  config: { pools: { retryMs: 50 } }
})
// A question for work that is broken off may still be given a group in that moment, which costs a lease and an attempt: tests do not count attempts from 1.
const now = Date.now()
let file = 0

/** A group of one file that waits for a server. */
const ready = async (): Promise<string> =>
  await world.closedGroup([{ name: `file-${file++}`, bytes: Buffer.from('1 2 3'), at: now }])

const clientOf = (token: string): PoolClient => new PoolClient({ server: world.url, token, pool: world.pool })
const client = clientOf(world.server)

interface Serving {
  events: ServeEvent[]
  stop: () => Promise<void>
}

function serving(
  t: { teardown: (work: () => Promise<void>) => void },
  work: (job: Job) => Promise<WorkResult>,
  by = client
): Serving {
  const ended = new AbortController()
  const events: ServeEvent[] = []
  const running = serve(by, work, { signal: ended.signal, onEvent: (event) => void events.push(event) })
  const stop = async (): Promise<void> => {
    ended.abort()
    await running
  }
  t.teardown(stop)
  return { events, stop }
}

const groupOf = async (id: string): Promise<GroupAnswer> => await client.group(id)
const isIn = async (id: string, state: GroupAnswer['state']): Promise<void> =>
  await until(`the group is ${state}`, async () => (await groupOf(id)).state === state)
const resultOf = (text: string): WorkResult => ({
  body: new Blob([text]),
  name: 'sum.txt',
  mediaType: 'text/plain'
})

t.test('a group is fetched into a folder, worked on, and its result given back', async (t) => {
  const folder = testFolder(t)
  const id = await ready()
  let released = 0
  const { stop } = serving(t, async (job) => {
    const { files } = await job.fetch(folder)
    const [first] = files
    const text = await readFile(join(folder, first?.path_in_archive ?? ''), 'utf8')
    const sum = text.split(' ').reduce((all, each) => all + Number(each), 0)
    const metadata = { größe: 'klein' }
    return { ...resultOf(String(sum)), metadata, release: async () => void released++ }
  })
  await isIn(id, 'done')
  await stop()
  const { result } = await groupOf(id)
  t.match(result, { name: 'sum.txt', media_type: 'text/plain', size: 1, metadata: { größe: 'klein' } })
  t.equal((await world.fetch(`groups/${id}/result`, world.listener)).bytes.toString(), '6')
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as GroupManifest
  t.match(manifest, { group: { group: id }, files: [{ size: 5 }] })
  t.equal(released, 1)
})

t.test('a folder that was begun goes on, and what is damaged in it is fetched anew', async (t) => {
  const folder = testFolder(t)
  const id = await ready()
  const { files } = await serveOnce(async (job) => await job.fetch(folder))
  const path = join(folder, files[0]?.path_in_archive ?? '')
  await writeFile(path, '1 2 4')
  await serveOnce(async (job) => await job.fetch(folder), true)
  t.equal(await readFile(path, 'utf8'), '1 2 3')
  t.equal((await groupOf(id)).state, 'failed')

  async function serveOnce<T>(work: (job: Job) => Promise<T>, isLast = false): Promise<T> {
    let made: T | undefined
    await until('a group is given', async () => {
      await serve(
        client,
        async (job) => {
          made = await work(job)
          throw new WorkFailed('only looking', isLast)
        },
        { signal: new AbortController().signal, once: true }
      )
      return made !== undefined
    })
    return made as T
  }
})

t.test('work that fails is tried again, and as often as the pool says', async (t) => {
  const id = await ready()
  const attempts: number[] = []
  const { stop, events } = serving(t, async ({ group }) => {
    if (attempts.push(group.attempts) === 1) throw new WorkFailed('not yet')
    return resultOf('2')
  })
  await isIn(id, 'done')
  await stop()
  const [first = 0, second = 0] = attempts
  t.equal(second, first + 1)
  t.equal(attempts.length, 2)
  t.match(
    events.map(({ type }) => type),
    ['taken', 'failed', 'taken', 'done']
  )

  const other = await ready()
  let tried = 0
  const final = serving(t, async () => {
    tried++
    throw new WorkFailed(`first line\n${'x'.repeat(2000)} the last line`, true)
  })
  await isIn(other, 'failed')
  await final.stop()
  const { failure } = await groupOf(other)
  t.equal(tried, 1, 'a failure that is final is not tried again')
  t.match(failure, /the last line$/)
})

t.test('a lease is renewed while the work goes on', async (t) => {
  const id = await ready()
  let attempts = 0
  const { stop } = serving(t, async ({ group }) => {
    attempts = group.attempts
    const { lease_until: first } = await groupOf(id)
    await until('the lease was renewed twice', async () => {
      const { lease_until: until_ } = await groupOf(id)
      return Date.parse(until_ ?? '') - Date.parse(first ?? '') > 5000
    })
    return resultOf('x')
  })
  await isIn(id, 'done')
  await stop()
  t.equal((await groupOf(id)).attempts, attempts, 'by the same lease')
})

t.test('whoever has lost a group is told, and what they make of it is refused', async (t) => {
  const id = await ready()
  // a process that hangs: it takes the group, and is not heard of again
  let taken = await world.ask('POST work', { token: world.server })
  await until('it is given', async () => {
    if (taken.status === 204) taken = await world.ask('POST work', { token: world.server })
    return taken.status === 200
  })
  t.equal(taken.json['group'], id)
  const { stop } = serving(
    t,
    async () => resultOf('by the second'),
    clientOf((await world.join('server')).token)
  )
  await isIn(id, 'done')
  await stop()
  const late = await world.raw(
    'PUT',
    `groups/${id}/result?fence=${String(taken.json['fence'])}&name=x`,
    'x',
    world.server
  )
  t.equal(late.json['code'], 'group-done')
  t.equal((await world.fetch(`groups/${id}/result`, world.listener)).bytes.toString(), 'by the second')
})

t.test('work is ended when its group is lost', async (t) => {
  const id = await ready()
  const { token, user } = await world.join('server')
  const ended = Promise.withResolvers<void>()
  const events: ServeEvent[] = []
  const running = serve(
    clientOf(token),
    async (job) => {
      // nobody may work on anything any more who is no member
      await world.ask(`DELETE members/${user}`, { token: world.owner.token })
      await new Promise<void>((resolve) => job.signal.addEventListener('abort', () => resolve()))
      ended.resolve()
      return resultOf('x')
    },
    { signal: new AbortController().signal, onEvent: (event) => void events.push(event) }
  )
  running.catch(() => {}) // looked at below
  await ended.promise
  await t.rejects(running, 'and the server ends, since it may not work here')
  t.notOk(events.some(({ type }) => type === 'done'))
  const other = serving(t, async () => resultOf('by another'))
  await isIn(id, 'done')
  await other.stop()
})

t.test('a server that is stopped gives its group back', async (t) => {
  const id = await ready()
  const begun = Promise.withResolvers<void>()
  const { stop } = serving(t, async (job) => {
    begun.resolve()
    await new Promise<void>((resolve) => job.signal.addEventListener('abort', () => resolve()))
    throw new Error('it was ended')
  })
  await begun.promise
  await stop()
  t.match(await groupOf(id), { state: 'closed', failure: 'the server was stopped' })
})

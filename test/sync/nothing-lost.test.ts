/** Ways in which a synced folder could lose what somebody has: each is a story of its own. Random histories: histories.test.ts. */

import t from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { Client } from './client.ts'
import { MemoryServer } from './memory-remote.ts'

interface Two {
  server: MemoryServer
  clients: readonly Client[]
}

/** Two folders in step. */
async function two(files: Record<string, string>): Promise<Two> {
  const server = new MemoryServer()
  for (const [path, text] of Object.entries(files)) server.put(path, text)
  const clients = ['one', 'two'].map((host) => new Client(server, host))
  await settle({ server, clients })
  return { server, clients }
}

async function settle({ clients }: Two): Promise<void> {
  for (let round = 0; round < 4; round++) for (const client of clients) await client.syncWell()
}

for (const isNewProcess of [false, true]) {
  const how = isNewProcess ? 'a new process' : 'a process that goes on'

  t.test(`what the server has lost is sent again by ${how}`, async (t) => {
    const world = await two({ old: 'old', edited: 'first' })
    const goBack = world.server.backup()
    world.server.put('added', 'added')
    world.server.put('edited', 'second')
    await settle(world)
    goBack()
    if (isNewProcess) for (const client of world.clients) client.restart()
    await settle(world)
    const all = new Map([
      ['added', 'added'],
      ['edited', 'second'],
      ['old', 'old']
    ])
    t.same(world.server.files(), all)
    for (const { folder, host } of world.clients) t.same(new Map(folder.files()), all, host)
  })
}

t.test('a version whose number was given again is kept beside the one that has it now', async (t) => {
  const world = await two({ a: 'first' })
  const goBack = world.server.backup()
  world.server.put('a', 'lost')
  await settle(world)
  goBack()
  world.server.put('a', 'instead')
  await settle(world)
  t.same(new Set(world.server.files().values()), new Set(['instead', 'lost']))
  t.equal(world.server.files().get('a'), 'instead')
})

t.test('what is the same in the backup is still moved, edited and deleted', async (t) => {
  const world = await two({ a: 'a', b: 'b', c: 'c' })
  const goBack = world.server.backup()
  world.clients[0]?.folder.delete('a')
  world.clients[0]?.folder.move('b', 'd')
  goBack()
  world.server.delete('c')
  await world.clients[1]?.syncWell() // sees that a is there still
  await settle(world)
  t.same([...world.server.files().keys()].sort(), ['c', 'd'], 'one cannot know who deleted c')
})

t.test('what was about to be written when the server went back is not taken for older', async (t) => {
  for (let crashAt = 0; crashAt < 25; crashAt++) {
    const world = await two({ a: 'first' })
    const goBack = world.server.backup()
    world.server.put('a', 'second')
    await world.clients[0]?.sync(crashAt)
    const had = world.clients[0]?.folder.files().get('a')
    goBack()
    await settle(world)
    t.ok([...world.server.files().values()].includes(had ?? ''), `died at step ${crashAt}`)
  }
})

t.test('a commit whose answer was lost is asked for again after the session has ended, too', async (t) => {
  const world = await two({ a: 'first' })
  const [one] = world.clients
  if (one === undefined) return
  const answers = new Map([
    ['commit after', new PeerbinError('server-unreachable')],
    ['commit before', new PeerbinError('credentials-invalid')]
  ])
  const failAt = (when: string): void => {
    world.server.onRequest = (name, moment) => {
      const error = `${name} ${moment}` === when ? answers.get(when) : undefined
      if (error !== undefined) throw error
    }
  }
  one.folder.put('a', 'second')
  failAt('commit after')
  await t.rejects(one.syncWell(), { code: 'server-unreachable' })
  failAt('commit before')
  await t.rejects(one.syncWell(), { code: 'credentials-invalid' })
  one.restart()
  failAt('never')
  one.folder.put('a', 'third')
  t.match(await one.syncWell(), { conflicts: 0, uploaded: 1 }, 'what is there is known to be our own')
  await settle(world)
  t.same(world.server.files(), new Map([['a', 'third']]))
})

t.test(
  'what somebody moves while other files are sent is not deleted, though it was deleted here',
  async (t) => {
    const world = await two({ a: 'a', b: 'b', c: 'c' })
    const [one] = world.clients
    one?.folder.delete('a')
    one?.folder.delete('b')
    one?.folder.put('large', 'large')
    world.server.onRequest = (name, moment) => {
      if (name !== 'commit' || moment !== 'before') return
      world.server.rename('a', 'moved')
      one?.folder.put('b', 'b')
    }
    await one?.syncWell()
    world.server.onRequest = () => {}
    const b = world.server.at('b')?.id
    t.ok(b?.endsWith('2'), 'what came back is the same file, with its versions')
    await settle(world)
    t.same([...world.server.files().keys()], ['b', 'c', 'large', 'moved'])
  }
)

t.test(
  'what made room for a moment and is deleted there then keeps an edit under a name of its own',
  async (t) => {
    const world = await two({ d: 'first' })
    const [one] = world.clients
    if (one === undefined) return
    world.server.rename('d', 'd/a')
    one.folder.put('d', 'edited')
    one.folder.onStep = (name, moment) => {
      if (name === 'rename' && moment === 'after') world.server.delete('d/a')
    }
    await one.syncWell()
    one.folder.onStep = () => {}
    await settle(world)
    t.same([...world.server.files().values()], ['edited'])
    t.match([...world.server.files().keys()], [/^d \(conflict of one .*\)$/])
  }
)

t.test('what is moved while the folder is looked at has not gone', async (t) => {
  const world = await two({ a: 'a', m: 'm', z: 'z' })
  const [one] = world.clients
  const id = world.server.at('z')?.id
  if (one === undefined) return
  one.folder.onScan = (path) => {
    // seen nowhere: the look is past the new place, and not at the old one yet
    if (path === 'm') one.folder.move('z', 'b')
  }
  t.match(await one.syncWell(), { movedRemote: 1, removedRemote: 0, uploaded: 0 })
  one.folder.onScan = () => {}
  await settle(world)
  t.same([...world.server.files().keys()], ['a', 'b', 'm'])
  t.equal(world.server.at('b')?.id, id, 'it is the same file, with its versions and links')
})

t.test('what somebody moves in the last moment is not deleted, though it was deleted here', async (t) => {
  const world = await two({ a: 'a', b: 'b' })
  const [one] = world.clients
  one?.folder.delete('a')
  world.server.onRequest = (name, moment) => {
    if (name === 'remove' && moment === 'before') world.server.rename('a', 'moved')
  }
  await one?.syncWell()
  world.server.onRequest = () => {}
  await settle(world)
  t.same([...world.server.files().keys()], ['b', 'moved'])
})

t.test(
  'what somebody moves in the last moment is where they moved it, though it was moved here',
  async (t) => {
    const world = await two({ a: 'a' })
    const [one] = world.clients
    one?.folder.move('a', 'here')
    world.server.onRequest = (name, moment) => {
      if (name === 'move' && moment === 'before') world.server.rename('a', 'there')
    }
    await one?.syncWell()
    world.server.onRequest = () => {}
    await settle(world)
    t.same([...world.server.files().keys()], ['there'])
  }
)

t.test('what was deleted here while it was excluded is not deleted there later', async (t) => {
  const world = await two({ a: 'a', 'videos/b': 'b' })
  const [one] = world.clients
  if (one === undefined) return
  one.options = { excluded: (path) => path.startsWith('videos/') }
  one.restart()
  await one.syncWell()
  one.folder.delete('videos/b')
  await one.syncWell()
  one.options = {}
  one.restart()
  await settle(world)
  t.same([...world.server.files().keys()], ['a', 'videos/b'])
  t.same([...one.folder.files().keys()].sort(), ['a', 'videos/b'])
})

/** What a machine did is its own doing, whenever it died and whatever answer was lost: it must not be taken for somebody else's. */

import t from 'tap'
import type { Test } from 'tap'
import { PeerbinError } from '../../src/errors.ts'
import { Client } from './client.ts'
import { MemoryServer } from './memory-remote.ts'

/** More steps than any of these rounds has. */
const STEPS = 30

interface Story {
  server: MemoryServer
  one: Client
  two: Client
  settle: () => Promise<void>
  /** Lets time go by, ms. */
  pass: (ms: number) => void
}

/** Two folders in step. */
async function begun(files: Record<string, string>): Promise<Story> {
  const server = new MemoryServer()
  for (const [path, text] of Object.entries(files)) server.put(path, text)
  let at = Date.UTC(2026, 10, 22)
  const now = (): number => (at += 10)
  const [one, two] = [new Client(server, 'one', now), new Client(server, 'two', now)]
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 4; round++) for (const client of [one, two]) await client.syncWell()
  }
  await settle()
  const pass = (ms: number): void => {
    at += ms
  }
  return { server, one, two, settle, pass }
}

/** Ways in which a round of the first machine ends before it knows what became of its requests. */
const ends: readonly { how: string; end: (story: Story) => Promise<void> }[] = [
  ...Array.from({ length: STEPS }, (_, step) => ({
    how: `died at step ${step}`,
    end: async ({ one }: Story) => await one.sync(step)
  })),
  ...['move', 'remove'].flatMap((request) =>
    [false, true].map((dies) => ({
      how: `lost the answer to ${request}${dies ? ' and died' : ''}`,
      end: async ({ server, one }: Story) => {
        server.onRequest = (name, moment) => {
          if (name === request && moment === 'after') throw new PeerbinError('server-unreachable')
        }
        await one.syncWell().catch(() => undefined)
        server.onRequest = () => {}
        if (dies) one.restart()
      }
    }))
  )
]

async function check(
  t: Test,
  story: Story,
  expected: Record<string, string>,
  message: string
): Promise<void> {
  await story.settle()
  const all = new Map(Object.entries(expected))
  t.same(story.server.files(), all, `the server, ${message}`)
  for (const { folder, host } of [story.one, story.two]) t.same(folder.files(), all, `${host}, ${message}`)
}

t.test('what was moved here and then deleted does not come back', async (t) => {
  for (const { how, end } of ends) {
    const story = await begun({ a: 'content' })
    story.one.folder.move('a', 'b')
    await end(story)
    story.one.folder.delete('b')
    await check(t, story, {}, how)
  }
})

t.test('what was moved here twice is where it was moved last', async (t) => {
  for (const last of ['c', 'a'])
    for (const { how, end } of ends) {
      const story = await begun({ a: 'content' })
      story.one.folder.move('a', 'b')
      await end(story)
      story.one.folder.move('b', last)
      await check(t, story, { [last]: 'content' }, how)
    }
})

t.test('what was deleted here and put back stays', async (t) => {
  for (const { how, end } of ends) {
    const story = await begun({ a: 'content' })
    story.one.folder.delete('a')
    await end(story)
    story.one.folder.put('a', 'content')
    await check(t, story, { a: 'content' }, how)
  }
})

/** A round whose request is under way for long: the machine gives it up, and does not know that it arrives later. */
async function delay({ server, one }: Story, request: 'move' | 'remove'): Promise<void> {
  server.onRequest = (name, moment) => {
    if (name === request && moment === 'before') throw new PeerbinError('server-unreachable')
  }
  await one.syncWell().catch(() => undefined)
  server.onRequest = () => {}
}

t.test('a move that arrives late does not undo what was done since', async (t) => {
  const story = await begun({ a: 'content' })
  story.one.folder.move('a', 'b')
  await delay(story, 'move')
  story.one.folder.move('b', 'a')
  await story.settle()
  story.server.rename('a', 'b')
  await check(t, story, { a: 'content' }, 'moved back')
})

t.test('a deletion that arrives late does not take away what was put back', async (t) => {
  const story = await begun({ a: 'content' })
  story.one.folder.delete('a')
  await delay(story, 'remove')
  story.one.folder.put('a', 'content')
  await story.settle()
  story.server.delete('a')
  await check(t, story, { a: 'content' }, 'put back')
})

t.test('what others do when nothing can arrive any more is theirs', async (t) => {
  const story = await begun({ a: 'a', b: 'b' })
  story.one.folder.delete('a')
  await delay(story, 'remove')
  story.one.folder.put('a', 'a')
  story.one.folder.move('b', 'moved')
  await delay(story, 'move')
  story.one.folder.move('moved', 'b')
  story.pass(15 * 60_000)
  await story.settle()
  t.same([story.one.state.moves.size, story.one.state.removals.size], [0, 0], 'nothing is remembered')
  story.server.delete('a')
  story.server.rename('b', 'moved')
  await check(t, story, { moved: 'b' }, 'much later')
})

t.test('what makes room for a moment gets its name, though it was edited', async (t) => {
  for (let step = 0; step < STEPS; step++) {
    const story = await begun({ d: 'first' })
    story.server.rename('d', 'd/a')
    story.one.folder.put('d', 'edited')
    await story.one.sync(step)
    await check(t, story, { 'd/a': 'edited' }, `died at step ${step}`)
  }
})

t.test('what makes room for a moment gets its name, though something else is in its place', async (t) => {
  for (let step = 0; step < STEPS; step++) {
    const story = await begun({ d: 'content' })
    story.server.rename('d', 'd/a')
    await story.one.sync(step)
    if (!story.one.folder.hasRoom('d')) continue
    story.one.folder.put('d', 'other')
    await story.settle()
    const names = [...story.server.files().keys()]
    t.notOk(
      names.some((name) => name.includes('.moving-')),
      `${names.join()}, died at step ${step}`
    )
  }
})

import t from 'tap'
import { FinishedPuts } from '../../src/node/finished-puts.ts'
import { generation, someChunk } from './put-chunk.ts'

const done = async (): Promise<void> => {}
const yes = async (): Promise<boolean> => true
const one = generation(1)
const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve))

t.test('a chunk may go when no put of it ended after the count that was seen', async (t) => {
  const puts = new FinishedPuts()
  const [chunk, other] = [someChunk(8).id, someChunk(8).id]
  await puts.put(chunk, one, done)
  const seen = puts.count
  t.equal(seen, 1)
  await puts.put(other, one, done)
  t.equal(await puts.removeUnlessPut(chunk, seen, yes), true)
  t.equal(await puts.removeUnlessPut(other, seen, yes), false)
  t.equal(await puts.removeUnlessPut(other, puts.count, yes), true)
  t.equal(await puts.removeUnlessPut(someChunk(8).id, 0, yes), true, 'one that was never put in this process')
})

t.test('a put that failed counts, for nobody knows what it left behind', async (t) => {
  const puts = new FinishedPuts()
  const chunk = someChunk(8).id
  const failing = puts.put(chunk, one, async () => {
    throw new Error('the disk')
  })
  await t.rejects(failing, { message: 'the disk' })
  t.equal(puts.count, 1)
  t.equal(await puts.removeUnlessPut(chunk, 0, yes), false)
  t.equal(await puts.removeUnlessPut(chunk, 1, yes), true, 'and is not under way any more')
})

t.test('while a chunk is removed no put of it begins, and while it is put nothing is removed', async (t) => {
  const puts = new FinishedPuts()
  const chunk = someChunk(8).id
  const steps: string[] = []
  const removing = Promise.withResolvers<void>()
  const removal = puts.removeUnlessPut(chunk, 0, async () => {
    steps.push('remove')
    await removing.promise
    steps.push('removed')
    return true
  })
  await turn()
  const storing = Promise.withResolvers<void>()
  const put = puts.put(chunk, one, async () => {
    steps.push('put')
    await storing.promise
    steps.push('kept')
  })
  await turn()
  t.same(steps, ['remove'])
  removing.resolve()
  t.equal(await removal, true)
  t.equal(await puts.removeUnlessPut(chunk, 99, yes), false, 'a put is under way')
  storing.resolve()
  await put
  t.same(steps, ['remove', 'removed', 'put', 'kept'])
})

t.test('of chunks that were forgotten it is known that they may have been put late', async (t) => {
  const puts = new FinishedPuts(2)
  const chunks = [1, 2, 3, 4].map(() => someChunk(8).id)
  for (const chunk of chunks) await puts.put(chunk, one, done)
  const [first, , third] = chunks
  if (first === undefined || third === undefined) throw new Error('there are four')
  t.equal(
    await puts.removeUnlessPut(first, 1, yes),
    false,
    'forgotten with the second, which was put after 1'
  )
  t.equal(await puts.removeUnlessPut(first, 2, yes), true)
  t.equal(await puts.removeUnlessPut(third, 2, yes), false)
  t.equal(await puts.removeUnlessPut(someChunk(8).id, 1, yes), false, 'never put, which is not known either')
})

t.test('the greatest generation is remembered', async (t) => {
  const puts = new FinishedPuts()
  t.equal(puts.greatestGeneration, 0)
  await puts.put(someChunk(8).id, generation(7), done)
  await puts.put(someChunk(8).id, generation(3), done)
  t.equal(puts.greatestGeneration, 7)
})

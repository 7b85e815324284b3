import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { z } from 'zod'
import { memoryCell, openFileCell } from '../../src/runtime/cell.ts'
import { testFolder } from '../kit/test-folder.ts'

const schema = z.object({ term: z.int() })

t.test('a value is there again after the process has ended', async (t) => {
  const path = join(testFolder(t), 'deeper', 'term.json')
  const cell = await openFileCell(path, schema, { term: 0 })
  t.same(cell.get(), { term: 0 })
  await cell.set({ term: 4 })
  t.same((await openFileCell(path, schema, { term: 0 })).get(), { term: 4 })
  t.same(JSON.parse(await readFile(path, 'utf8')), { version: 1, value: { term: 4 } })
  t.equal((await stat(path)).mode & 0o777, 0o600)
})

t.test('of many sets at once the last one wins, and all are told when it is durable', async (t) => {
  const path = join(testFolder(t), 'term.json')
  const cell = await openFileCell(path, schema, { term: 0 })
  const sets = Array.from({ length: 50 }, (_, index) => cell.set({ term: index + 1 }))
  t.same(cell.get(), { term: 50 }, 'to be seen at once')
  await sets[49]
  t.same(JSON.parse(await readFile(path, 'utf8')), { version: 1, value: { term: 50 } })
  await Promise.all(sets)
  t.same(await readdir(join(path, '..')), ['term.json'], 'nothing is left beside it')
})

t.test('what a crash left beside the file does no harm', async (t) => {
  const path = join(testFolder(t, { 'term.json.tmp': '{"version":1,"val' }), 'term.json')
  const cell = await openFileCell(path, schema, { term: 3 })
  t.same(cell.get(), { term: 3 })
  await cell.set({ term: 4 })
  t.same((await openFileCell(path, schema, { term: 0 })).get(), { term: 4 })
})

t.test('a damaged file is named, not replaced', async (t) => {
  for (const text of [
    '',
    'nonsense',
    '{"version":2,"value":{"term":1}}',
    '{"version":1,"value":{"term":"x"}}'
  ]) {
    const path = join(testFolder(t), 'term.json')
    await writeFile(path, text)
    const opening = openFileCell(path, schema, { term: 0 })
    await t.rejects(opening, { code: 'data-incompatible', message: /term\.json/ })
    t.equal(await readFile(path, 'utf8'), text)
  }
})

t.test('a write that fails is told to whoever asked, and the durable value stands', async (t) => {
  const folder = testFolder(t, { 'in-the-way': 'a file where a folder is needed' })
  const cell = await openFileCell(join(folder, 'term.json'), schema, { term: 1 })
  await cell.set({ term: 2 })
  const path = join(folder, 'in-the-way', 'term.json')
  await t.rejects(openFileCell(path, schema, { term: 1 }), { code: 'local-file' })
  await t.rejects(cell.set({ term: 1n as unknown as number }), { code: 'local-file' })
  t.same(cell.get(), { term: 2 })
  await cell.set({ term: 3 })
  t.same(cell.get(), { term: 3 })
})

t.test('a cell in memory keeps what it is given', async (t) => {
  const cell = memoryCell(1)
  await cell.set(2)
  t.equal(cell.get(), 2)
})

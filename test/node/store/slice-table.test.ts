import { readdir } from 'node:fs/promises'
import t from 'tap'
import { SliceTable } from '../../../src/node/store/slice-table.ts'
import { someBytes } from '../../conformance/chunk-store-kit.ts'
import { testFolder } from '../../kit/test-folder.ts'

const MIB = 1024 * 1024
const CHUNKS = 40
const ROUNDS = 3

const tablesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.ldb'))

t.test('removing an old chunk while new ones come does not rewrite what lies between', async (t) => {
  const folder = testFolder(t)
  const slices = await SliceTable.open(folder)
  t.teardown(() => slices.close())
  for (let sequence = 1; sequence <= CHUNKS; sequence++) await slices.append(sequence, someBytes(4 * MIB))
  let next = CHUNKS + 1
  for (let round = 1; round <= ROUNDS; round++) {
    const before = await tablesIn(folder)
    let removing = true
    const write = async (): Promise<void> => {
      while (removing) await slices.append(next++, someBytes(1000))
    }
    const writers = [write(), write(), write()]
    await slices.remove([{ first: round, last: round }])
    removing = false
    await Promise.all(writers)
    const after = new Set(await tablesIn(folder))
    const rewritten = before.filter((name) => !after.has(name)).length
    t.ok(rewritten <= 2, `${rewritten} of ${before.length} tables were rewritten`)
  }
})

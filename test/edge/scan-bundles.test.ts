/** A scanner in front of a form with several files sees each of them as its recipient will. */

import t from 'tap'
import { EICAR, startClamd } from '../kit/clamd.ts'
import { until } from '../kit/until.ts'
import { formOf } from './bundle-kit.ts'
import { sampleBytes, startEdges } from './edge-cluster.ts'

/** Finds what a file begins with, as the rule for the test file has it: of two files in one it would see the first only. */
const BEGINNING = [
  'sh',
  '-c',
  'IFS= read -r line; case "$line" in X5O*) echo "x FOUND"; exit 1;; esac; cat > /dev/null'
]

const clean = Buffer.from('nothing to see\n')
const bad = Buffer.from(EICAR)

t.test('one bad file of several is found, wherever it stands, and nothing of them is kept', async (t) => {
  const clamd = await startClamd({ port: 0 })
  t.teardown(() => clamd.close())
  for (const scan of [{ command: BEGINNING }, { clamd: clamd.address }]) {
    const { url, cluster } = await startEdges(t, {
      config: { scan, edge: { port: 0, uploadBytesMax: 10_000_000, forbiddenTypes: ['.exe', 'video/*'] } }
    })
    const send = async (...files: Array<readonly [string, Uint8Array]>): Promise<[number, unknown]> => {
      const { body, headers } = formOf(files)
      const answer = await fetch(`${url()}/upload`, { method: 'POST', body, headers })
      return [answer.status, ((await answer.json()) as { code?: unknown }).code]
    }
    const empty = new Uint8Array(0)
    const large = sampleBytes(5_000_000) // more than a chunk
    for (const files of [
      [bad, clean, clean],
      [clean, bad, clean],
      [clean, empty, bad],
      [empty, bad, empty],
      [large, bad, clean],
      [clean, large, bad]
    ])
      t.same(await send(...files.map((bytes, i) => [`${i}`, bytes] as const)), [422, 'file-infected'])
    const halves = [bad.subarray(0, 30), bad.subarray(30)] as const
    if (!('command' in scan))
      t.same(await send(['a', halves[0]], ['b', halves[1]]), [201, undefined], 'two files are not one')
    t.same(await send(['a', clean], ['b', large], ['c', empty], ['d', clean]), [201, undefined])
    t.same(await send(['a', clean], ['b.exe', clean]), [415, 'type-forbidden'])
    t.same(await send(['b.EXE', clean], ['a', clean]), [415, 'type-forbidden'])
    await until('what was refused is gone', async () => {
      const { files, uploadsOpen } = await cluster.controller.status()
      return files === ('command' in scan ? 1 : 2) && uploadsOpen === 0
    })
  }
})

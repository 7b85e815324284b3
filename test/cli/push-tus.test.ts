import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'
import { runInProcess } from '../kit/cli-context.ts'
import { uploadCutter } from '../kit/upload-cutter.ts'
import { testFolder } from '../kit/test-folder.ts'

const SIZE = 18_000_000
const bytes = sampleBytes(SIZE)
const folder = testFolder(t)
await writeFile(join(folder, 'large.bin'), bytes)
const edges = await startEdges(t, { edges: 2, config: { edge: { uploadBytesMax: 40_000_000 } } })

const stored = (): number => (edges.cluster.controller === undefined ? 0 : 1)

t.test('a large file goes on after each break, at the next edge, and comes whole', async (t) => {
  const line = await uploadCutter(t, edges.url(0), [7_000_000, 6_000_000])
  const pushed = await runInProcess(
    ['push', 'large.bin', '--json', '--server', `${line.url},${edges.url(1)}`],
    {
      cwd: folder
    }
  )
  t.equal(pushed.code, 0, pushed.stderr)
  console.log(pushed.stderr, line.cuts)
  const answer = JSON.parse(pushed.stdout) as { url: string; name: string; size: number }
  t.match(answer, { name: 'large.bin', size: SIZE, encryption: null, entries: 1, passwordRequired: false })
  const pulled = await runInProcess(['pull', answer.url.replace(line.url, edges.url(1)), '-o', 'back.bin'], {
    cwd: folder
  })
  t.equal(pulled.code, 0, pulled.stderr)
  t.ok(bytes.equals(await readFile(join(folder, 'back.bin'))))
})

import { existsSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ClusterFile } from '../../src/cli/supervisor/cluster-file.ts'
import type { ProcessEntry } from '../../src/cli/supervisor/cluster-file.ts'
import { openLogFile } from '../../src/cli/supervisor/log-file.ts'
import { readChildMessage } from '../../src/cli/supervisor/messages.ts'
import { testFolder } from '../kit/test-folder.ts'

t.test('cluster.json shows the newest state, however often it is asked to', async (t) => {
  const folder = testFolder(t)
  let entries: ProcessEntry[] = []
  const file = new ClusterFile(folder, () => entries)
  const writes: Array<Promise<void>> = []
  for (let pid = 1; pid <= 50; pid++) {
    entries = [{ role: 'node', name: 'node-1', pid, state: 'running', peerId: null, addresses: [] }]
    writes.push(file.update())
  }
  await Promise.all(writes)
  t.same(JSON.parse(await readFile(join(folder, 'cluster.json'), 'utf8')), { processes: entries })
  t.notOk(existsSync(join(folder, 'cluster.json.new')))
})

t.test('a write that fails is told, and the next one is tried', async (t) => {
  const folder = join(testFolder(t), 'later')
  const file = new ClusterFile(folder, () => [])
  await t.rejects(file.update(), { code: 'local-file', message: /cluster\.json/ })
  const { mkdir } = await import('node:fs/promises')
  await mkdir(folder)
  await file.update()
  t.ok(existsSync(join(folder, 'cluster.json')))
})

t.test('a large log makes room at the start, a small one goes on', async (t) => {
  const path = join(testFolder(t), 'logs', 'node-1.log')
  openLogFile(path).close()
  t.equal((await stat(path)).mode & 0o077, 0)
  await writeFile(path, 'before\n')
  openLogFile(path).close()
  t.equal(await readFile(path, 'utf8'), 'before\n')
  await writeFile(path, Buffer.alloc(10_000_001))
  openLogFile(path).close()
  t.equal((await stat(path)).size, 0)
  t.equal((await stat(`${path}.1`)).size, 10_000_001)
})

t.test('only messages of ours are read', async (t) => {
  t.match(readChildMessage({ type: 'ready', peerId: 'p', addresses: [] }), { type: 'ready' })
  t.match(readChildMessage({ type: 'failed', code: 'busy', message: 'm' }), { code: 'busy' })
  for (const message of [undefined, null, 'ready', {}, { type: 'failed', code: 'nonsense', message: '' }])
    t.equal(readChildMessage(message), undefined)
})

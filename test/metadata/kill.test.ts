import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import { claim, fileId, tokenOf } from '../conformance/metadata-fixture.ts'
import { auditFile } from './audit.ts'
import { testFolder } from '../kit/test-folder.ts'

const CHILD = fileURLToPath(new URL('./acknowledging-child.ts', import.meta.url))

/** Starts the child, kills it with -9 once it has acknowledged so much; answers every complete line it printed. */
async function liveAndDie(file: string, life: number, linesMin: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, file, `${life}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString()
    if (output.split('\n').length > linesMin) child.kill('SIGKILL')
  })
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()))
  const signal = await new Promise((resolve) => child.on('close', (_code, by) => resolve(by)))
  if (signal !== 'SIGKILL') throw new Error(`the child ended by itself: ${errors}`)
  return output.split('\n').slice(0, -1)
}

t.test('whatever was acknowledged is there after kill -9, and the tables agree', async (t) => {
  const file = join(testFolder(t), 'metadata.db')
  const stored: string[] = []
  const claimed: string[] = []
  for (const [life, linesMin] of [5, 40, 90].entries()) {
    for (const line of await liveAndDie(file, life, linesMin)) {
      const [what, name] = line.split(' ')
      if (name !== undefined) (what === 'stored' ? stored : claimed).push(name)
    }
    t.strictSame(auditFile(file), [], `after life ${life}`)
  }
  const store = new SqliteMetadataStore({ file, operationsWaitingMax: 1000, logger: silentLogger })
  await store.open()
  t.teardown(() => store.close())
  t.ok(stored.length > 60 && claimed.length > 20, `${stored.length} stored, ${claimed.length} claimed`)
  const lost: string[] = []
  for (const name of stored) {
    const chunks = await store.listFileChunks(fileId(name), 0, 10)
    const link = await store.findLink(tokenOf(name))
    if (chunks.length !== 2 || link?.file.name !== name) lost.push(name)
  }
  t.strictSame(lost, [], 'no file is lost')
  const won: string[] = []
  for (const name of claimed) {
    const thief = await claim(store, name, 'somebody else')
    const owner = await claim(store, name, `secret of ${name}`)
    if (thief.outcome !== 'used' || owner.outcome !== 'claimed') won.push(name)
  }
  t.strictSame(won, [], 'no claim is lost or made twice')
})

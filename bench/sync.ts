/**
 * A synced folder against a cluster of processes on this machine: one byte put into 100 MB, and 10,000 small files.
 * `node bench/sync.ts [files]` prints one JSON object, and each part of it as soon as it is over.
 */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpRemote } from '../src/cli/sync/http-remote.ts'
import { SqliteState } from '../src/cli/sync/sqlite-state.ts'
import { SystemFolder } from '../src/cli/sync/system-folder.ts'
import { AccountApi } from '../src/cli/account/api.ts'
import { systemClock } from '../src/runtime/clock.ts'
import { systemRandom } from '../src/runtime/random.ts'
import { SyncEngine } from '../src/sync/engine.ts'
import type { SyncSummary } from '../src/sync/engine-types.ts'
import { contextOf } from '../test/kit/cli-context.ts'
import { silent } from '../test/sync/client.ts'
import { startCluster } from './processes.ts'

const LARGE_BYTES = 100_000_000
const files = Number(process.argv[2] ?? 10_000)

const folder = await mkdtemp(join(tmpdir(), 'peerbin-bench-sync-'))
const cluster = await startCluster(['edge.ratePerMinute=10000000', 'account.uploadsPerHour=1000000'])

/** The same each time, and nothing that repeats. */
function noise(sizeBytes: number): Buffer {
  const words = new Uint32Array(sizeBytes / 4)
  for (let index = 0, state = 1; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return Buffer.from(words.buffer)
}

async function machine(
  name: string,
  token: string,
  url: string
): Promise<() => Promise<Record<string, number>>> {
  const root = join(folder, name)
  await mkdir(root, { recursive: true })
  const context = contextOf({ code: 0, stdout: '', stderr: '' })
  const api = new AccountApi({ server: new URL(url), token, source: 'environment' }, context)
  const remote = new HttpRemote(api, '', context)
  const parts = {
    remote,
    folder: await SystemFolder.open(root, 'new', context),
    state: SqliteState.in(root),
    clock: systemClock,
    random: systemRandom,
    logger: silent
  }
  const engine = new SyncEngine(parts, { host: name })
  return async () => {
    const [beganAt, requests] = [performance.now(), remote.requests]
    const summary: SyncSummary = await engine.sync(new AbortController().signal)
    return {
      seconds: Math.round(performance.now() - beganAt) / 1000,
      requests: remote.requests - requests,
      up: summary.uploaded,
      down: summary.downloaded,
      sentBytes: summary.sentBytes,
      fetchedBytes: summary.fetchedBytes,
      skipped: summary.skipped.length
    }
  }
}

try {
  const { url } = cluster
  const answer = await fetch(`${url}/api/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'bench', password: 'correct horse battery' })
  })
  const { access_token: token } = (await answer.json()) as { access_token: string }
  const one = await machine('one', token, url)
  const two = await machine('two', token, url)
  const result: Record<string, Record<string, number>> = {}
  /** What a part of it says as soon as it is over: the whole takes minutes. */
  const play = async (name: string, run: () => Promise<Record<string, number>>): Promise<void> => {
    const figures = await run()
    result[name] = figures
    console.error(name, JSON.stringify(figures))
  }

  const large = noise(LARGE_BYTES)
  await writeFile(join(folder, 'one/large'), large)
  await play('large, first', one)
  await play('large, fetched', two)
  const edited = Buffer.concat([
    large.subarray(0, LARGE_BYTES / 2),
    Buffer.from('x'),
    large.subarray(LARGE_BYTES / 2)
  ])
  await writeFile(join(folder, 'one/large'), edited)
  await play('one byte put in, sent', one)
  await play('one byte put in, fetched', two)

  for (let number = 0; number < files; number++) {
    const parent = join(folder, 'one', `d${number % 100}`)
    if (number < 100) await mkdir(parent)
    const content = createHash('sha512')
      .update(String(number))
      .digest('hex')
      .repeat(1 + (number % 16))
    await writeFile(join(parent, `${number}.txt`), content)
  }
  await play('small files, sent', one)
  await play('small files, fetched', two)
  await play('nothing to do', one)
  result['memory, MB'] = { rss: Math.round(process.memoryUsage().rss / 1e6) }
  console.log(JSON.stringify({ files, ...result }, null, 2))
} finally {
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
}

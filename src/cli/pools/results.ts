/** What `peerbin pool results` does: a list of them, or all of them in a folder, in order and each once. */

import { mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { GroupAnswer } from '../../pool-client/answers.ts'
import { asLocal, download } from '../../pool-client/download.ts'
import { listen } from '../../pool-client/listen.ts'
import type { ListenPlace } from '../../pool-client/listen.ts'
import type { AccountOptions } from '../account/session.ts'
import { localTime, shown, tell, writeLines, writeTable } from '../account/tables.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { formatBytes } from '../progress.ts'
import { safeFileName } from '../pull/file-name.ts'
import { fileStem, groupNamed } from './groups.ts'
import { openPool } from './open-pool.ts'
import type { OpenedPool } from './open-pool.ts'

/** A server that is away is waited for so long, within one result. */
const AWAY_MS = 60 * 60_000
const PLACE = '.peerbin-results.json'

export interface ResultsOptions extends AccountOptions {
  follow?: boolean
  output?: string
  group?: string
  limit: number
}

export async function results(ref: string, options: ResultsOptions, context: CliContext): Promise<void> {
  const pool = await openPool(ref, options, context)
  if (options.group !== undefined) return await oneResult(pool, options.group, options, context)
  if (options.follow === true || options.output !== undefined) return await gather(pool, options, context)
  const found: GroupAnswer[] = []
  for await (const group of pool.client.groups({ state: 'done', signal: context.interrupted })) {
    if (found.push(group) >= options.limit) break
  }
  if (options.json === true) return writeLines(context, found)
  writeTable(
    context,
    ['WINDOW', 'DONE', 'RESULT', 'SIZE', 'KEPT UNTIL', 'GROUP'],
    found.map((group) => [
      `${localTime(group.start)}${group.late ? ` late ${group.generation}` : ''}`,
      localTime(group.ended_at ?? ''),
      shown(group.result?.name ?? ''),
      formatBytes(group.result?.size ?? 0),
      localTime(group.result?.expires ?? ''),
      group.group
    ])
  )
}

async function oneResult(
  { client }: OpenedPool,
  name: string,
  options: ResultsOptions,
  context: CliContext
): Promise<void> {
  const group = await doneGroup(client, name, context)
  const path = resolve(context.cwd, options.output ?? nameOf(group))
  await fetchResult(client, group, path, context.interrupted)
  told(group, path, options, context)
}

async function doneGroup(
  client: OpenedPool['client'],
  name: string,
  context: CliContext
): Promise<GroupAnswer> {
  if (name !== 'latest') return await groupNamed(client, name, context)
  for await (const group of client.groups({ state: 'done', signal: context.interrupted })) return group
  throw new PeerbinError('result-unknown', 'no group of this pool is done yet')
}

/** Every result into a folder, from where it was the last time. */
async function gather(pool: OpenedPool, options: ResultsOptions, context: CliContext): Promise<void> {
  const folder = resolve(context.cwd, options.output ?? '.')
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw asLocal(error, folder)
  })
  const from = await readPlace(folder, pool.id)
  if (options.follow === true && options.json !== true)
    say(context, `results go to ${folder}, as they are made; Ctrl-C ends it`)
  const { client } = pool
  await listen(
    client,
    async (group, signal) => {
      const path = join(folder, nameOf(group))
      await fetchResult(client, group, path, signal)
      told(group, path, options, context)
    },
    {
      signal: context.interrupted,
      from,
      once: options.follow !== true,
      keep: async (place) => await keepPlace(folder, pool.id, place)
    }
  )
}

const nameOf = (group: GroupAnswer): string =>
  safeFileName(`${fileStem(group)}_${safeFileName(group.result?.name ?? 'result')}`)

/** One that is there with its size was complete: it has its name only then. */
async function fetchResult(
  client: OpenedPool['client'],
  group: GroupAnswer,
  path: string,
  signal: AbortSignal
): Promise<void> {
  const { result } = group
  if (result === null) throw new PeerbinError('result-unknown')
  const found = await stat(path).catch(() => undefined) // what cannot be looked at is told when it is written
  if (found?.isFile() === true && found.size === result.size) return
  const { size: sizeBytes, sha256 } = result
  const request = client.request('GET', `groups/${group.group}/result`, signal)
  await download({ http: client.http, request, path, sizeBytes, sha256, limitMs: AWAY_MS })
}

function told(group: GroupAnswer, path: string, options: ResultsOptions, context: CliContext): void {
  const { group: id, start, end, generation, result } = group
  const record = {
    saved: path,
    group: id,
    start,
    end,
    generation,
    sha256: result?.sha256,
    size: result?.size
  }
  tell(options, context, { ...record, metadata: result?.metadata }, path)
}

const kept = z.object({
  version: z.literal(1),
  pool: z.string(),
  cursor: z.string().optional(),
  doneAt: z.string().optional(),
  groups: z.array(z.string()).optional()
})

/** @throws `usage` where the folder has results of another pool */
async function readPlace(folder: string, pool: string): Promise<ListenPlace> {
  const path = join(folder, PLACE)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw asLocal(error, path)
  })
  if (text === undefined) return {}
  let place: z.output<typeof kept>
  try {
    place = kept.parse(JSON.parse(text))
  } catch (error) {
    throw new PeerbinError(
      'local-file',
      `${path} is damaged: without it all results that are kept come again`,
      {
        cause: error
      }
    )
  }
  if (place.pool !== pool)
    throw new PeerbinError(
      'usage',
      `${folder} has results of another pool: give this one a folder of its own`
    )
  return place
}

async function keepPlace(folder: string, pool: string, place: ListenPlace): Promise<void> {
  const path = join(folder, PLACE)
  try {
    {
      await using file = await open(`${path}.new`, 'w')
      await file.writeFile(`${JSON.stringify({ version: 1, pool, ...place })}\n`)
      await file.sync()
    }
    await rename(`${path}.new`, path)
  } catch (error) {
    throw asLocal(error, path)
  }
}

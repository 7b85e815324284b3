/** What `peerbin pool groups`, `get`, `close`, `retry` and `watch` do. */

import { resolve } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import type { GroupAnswer, PoolEvent } from '../../pool-client/answers.ts'
import { download } from '../../pool-client/download.ts'
import { fetchGroup } from '../../pool-client/fetch-group.ts'
import type { PoolClient } from '../../pool-client/pool-client.ts'
import type { GroupState } from '../../pools.ts'
import type { AccountOptions } from '../account/session.ts'
import { localTime, shown, tell, writeLines, writeTable } from '../account/tables.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, Progress } from '../progress.ts'
import { openPool } from './open-pool.ts'

/** A server that is away is waited for so long. */
const AWAY_MS = 10 * 60_000

export interface GroupsOptions extends AccountOptions {
  state?: GroupState
  from?: string
  to?: string
  limit: number
}

export async function listGroups(ref: string, options: GroupsOptions, context: CliContext): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const { state, from, to } = options
  const query = {
    ...(state !== undefined && { state }),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to })
  }
  const found: GroupAnswer[] = []
  let count = 0
  for await (const group of client.groups({ ...query, signal: context.interrupted })) {
    if (options.json === true) writeLines(context, [group])
    else found.push(group)
    if (++count >= options.limit) break
  }
  writeTable(
    context,
    ['WINDOW', 'STATE', 'FILES', 'SIZE', 'PRODUCERS', 'ATTEMPTS', 'GROUP'],
    found.map((group) => [
      `${localTime(group.start)}${group.late ? ` late ${group.generation}` : ''}`,
      stateText(group),
      String(group.files),
      formatBytes(group.bytes),
      String(group.producers),
      String(group.attempts),
      group.group
    ])
  )
}

function stateText({ state, closes_at: closesAt, failure }: GroupAnswer): string {
  if (state === 'open') return `open until ${localTime(closesAt)}`
  return failure !== null && state !== 'done' ? `${state}: ${shown(failure).slice(0, 60)}` : state
}

/** An id, or `latest`: the newest that is not open. */
export async function groupNamed(
  client: PoolClient,
  name: string,
  context: CliContext
): Promise<GroupAnswer> {
  const { interrupted: signal } = context
  if (name !== 'latest') return await client.group(name, { signal })
  for await (const group of client.groups({ signal })) if (group.state !== 'open') return group
  throw new PeerbinError('group-unknown', 'no group of this pool has closed yet')
}

export interface GetOptions extends AccountOptions {
  output?: string
  tar?: boolean
  zip?: boolean
}

export async function getGroup(
  ref: string,
  name: string,
  options: GetOptions,
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const group = await groupNamed(client, name, context)
  if (options.tar === true || options.zip === true) return await getArchive(client, group, options, context)
  const folder = resolve(context.cwd, options.output ?? fileStem(group))
  const progress = new Progress(context.stderr, context.clock, fileStem(group), group.files, 0, 'files')
  try {
    const onFile = (_file: unknown, done: number): void => progress.update(done)
    const { files } = await fetchGroup(client, group, folder, { signal: context.interrupted, onFile })
    progress.end()
    tell(options, context, { saved: folder, group: group.group, files: files.length }, folder)
  } finally {
    progress.end()
  }
}

async function getArchive(
  client: PoolClient,
  group: GroupAnswer,
  options: GetOptions,
  context: CliContext
): Promise<void> {
  const kind = options.tar === true ? 'tar' : 'zip'
  const request = client.request('GET', `groups/${group.group}/archive.${kind}`, context.interrupted, {
    answerMs: 2 * 60_000
  })
  if (options.output === '-') {
    const answer = await client.http.send(request)
    for await (const piece of client.http.pieces(answer, context.interrupted))
      await context.stdout.writeBytes(piece)
    return
  }
  const path = resolve(context.cwd, options.output ?? `${fileStem(group)}.${kind}`)
  const progress = new Progress(context.stderr, context.clock, fileStem(group), group.bytes)
  try {
    const onProgress = (bytes: number): void => progress.update(bytes)
    await download({ http: client.http, request, path, limitMs: AWAY_MS, onProgress })
  } finally {
    progress.end()
  }
  tell(options, context, { saved: path, group: group.group }, path)
}

/** `2026-11-22T15-00-00Z`, of a follow-up group with its number. Sorts by time, and stands on every file system. */
export const fileStem = ({ start, generation }: GroupAnswer): string =>
  new Date(start)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replaceAll(':', '-') + (generation === 0 ? '' : `+${generation}`)

export async function closeGroup(
  ref: string,
  name: string,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const group = name === 'open' ? await openGroup(client, context) : name
  const closed = await client.close(group, { signal: context.interrupted })
  tell(options, context, closed, `${closed.group}: ${closed.state}, ${closed.files} files`)
}

async function openGroup(client: PoolClient, { interrupted: signal }: CliContext): Promise<string> {
  for await (const group of client.groups({ state: 'open', signal })) return group.group
  throw new PeerbinError('group-unknown', 'no group of this pool is open')
}

export async function retryGroup(
  ref: string,
  name: string,
  options: AccountOptions,
  context: CliContext
): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const again = await client.retry(name, { signal: context.interrupted })
  tell(options, context, again, `${again.group}: ${again.state}`)
}

export interface WatchOptions extends AccountOptions {
  since?: string
  types?: string
  follow?: boolean
}

/** With `follow` until it is interrupted; otherwise what is kept. */
export async function watchPool(ref: string, options: WatchOptions, context: CliContext): Promise<void> {
  const { client } = await openPool(ref, options, context)
  const { interrupted: signal } = context
  const types = options.types?.split(',')
  const query = { ...(types !== undefined && { types }), signal }
  const show = (event: PoolEvent): void => {
    if (options.json === true) writeLines(context, [event])
    else context.stdout.write(`${lineOf(event)}\n`)
  }
  if (options.follow !== false) {
    for await (const event of client.watch({ ...query, after: options.since })) show(event)
    return
  }
  let after = options.since ?? 'start'
  for (let isLast = false; !isLast;) {
    const page = await client.http.retrying({ signal, limitMs: AWAY_MS }, () =>
      client.events({ ...query, after })
    )
    page.events.forEach(show)
    after = page.cursor
    isLast = !page.more
  }
  if (options.json !== true) say(context, `What comes later: peerbin pool watch ${ref} --since ${after}`)
}

/** `2026-11-22 09:30  group.done  2026-11-22 08:00  14 files  by server-1` */
function lineOf({ time, type, data, subject }: PoolEvent): string {
  const text = (field: string, what = ''): string | undefined => {
    const value = data[field]
    if (value === null || value === undefined || value === '') return undefined
    return `${String(value)}${what}`
  }
  const start = data['start']
  return [
    localTime(time),
    type,
    typeof start === 'string' ? localTime(start) : (text('name') ?? text('member_name') ?? subject),
    text('generation') === '0' ? undefined : text('generation', '. follow-up'),
    text('files', ' files'),
    text('producers', ' producers'),
    text('count', ' silent'),
    text('names'),
    text('role'),
    text('state'),
    text('result_name'),
    text('reason')
  ]
    .flatMap((cell) => (cell === undefined ? [] : [shown(cell)]))
    .join('  ')
}

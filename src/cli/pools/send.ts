/** What `peerbin pool send` does: files go into a queue on this machine, and from there to the pool. */

import { asPeerbinError, hasCode, isErrorCode, PeerbinError } from '../../errors.ts'
import { SendQueue } from '../../pool-client/queue/send-queue.ts'
import type { PoolClient } from '../../pool-client/pool-client.ts'
import { abortScope, sleep } from '../../runtime/deadline.ts'
import type { AccountOptions } from '../account/session.ts'
import { shown, tell } from '../account/tables.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { formatBytes } from '../progress.ts'
import { findFiles } from './find-files.ts'
import type { FoundFile } from './find-files.ts'
import { openPool } from './open-pool.ts'
import type { OpenedPool } from './open-pool.ts'
import { SendReport } from './send-report.ts'

/** Between two looks whether another process has sent what is ours. */
const LOOK_MS = 500
const SECOND_MS = 1000

export interface SendOptions extends AccountOptions {
  /** `mtime`, `now`, or ms since the epoch. */
  timestamp: 'mtime' | 'now' | number
  meta?: Readonly<Record<string, string>>
  type: string
  /** False with --no-send. */
  send?: boolean
  wait: number
  watch?: boolean
  every: number
  queueFolder?: string
}

/** The queue of a pool, which is made where there is none. */
export function openQueue(
  pool: OpenedPool,
  options: { queueFolder?: string },
  context: CliContext
): SendQueue {
  const queue = new SendQueue({
    folder: options.queueFolder ?? pool.queueFolder,
    clock: context.clock,
    random: context.random
  })
  queue.bind(pool.id)
  return queue
}

export async function sendFiles(
  ref: string,
  paths: readonly string[],
  options: SendOptions,
  context: CliContext
): Promise<void> {
  const pool = await openPool(ref, options, context)
  const queue = openQueue(pool, options, context)
  const report = new SendReport(context, options.json === true)
  try {
    if (options.watch === true) await watch(paths, { queue, pool, report }, options, context)
    else await sendOnce(paths, { queue, pool, report }, options, context)
  } finally {
    report.end()
    queue.close()
  }
}

interface Sending {
  readonly queue: SendQueue
  readonly pool: OpenedPool
  readonly report: SendReport
}

async function sendOnce(
  paths: readonly string[],
  { queue, pool, report }: Sending,
  options: SendOptions,
  context: CliContext
): Promise<void> {
  let failure: PeerbinError | undefined
  const found = await findFiles(paths, context.cwd)
  // one that cannot be taken does not keep the others back
  const onFailure = (position: number, error: PeerbinError): void => {
    failure ??= error
    report.failed(found[position]?.name ?? '', error)
  }
  const wanted = found.map((file) => ({ path: file.path, ...addOptions(file, options, context) }))
  const added = await queue.addTogether(wanted, onFailure)
  for (const [position, each] of added.entries())
    if (each !== undefined) report.added(found[position]?.name ?? '', each.state)
  const ids = added.flatMap((each) => (each?.id === null || each === undefined ? [] : [each.id]))
  if (options.send === false) report.queued(queue.summary())
  else await deliver(ids, { queue, pool, report }, options, context)
  failure ??= settle(ids, queue, report)
  if (failure !== undefined) throw new FailedQuietly(failure)
}

const addOptions = (file: FoundFile, options: SendOptions, context: CliContext) => {
  const { timestamp, type: mediaType, meta: metadata = {} } = options
  const at = timestamp === 'mtime' ? file.modifiedAt : timestamp === 'now' ? context.clock.now() : timestamp
  const about = { name: file.name, timestamp: at, mediaType, metadata }
  // with the time of now every sending is meant to be another one
  if (timestamp === 'now') return about
  return { ...about, origin: { path: file.path, stamp: `${file.stamp} ${at} ${file.name}` } }
}

/** @throws what keeps it from being sent, saying that it is kept */
async function deliver(
  ids: readonly number[],
  { queue, pool, report }: Sending,
  options: SendOptions,
  context: CliContext
): Promise<void> {
  const { clock, interrupted: signal } = context
  const endsAt = clock.monotonic() + options.wait
  for (;;) {
    try {
      const limitMs = Math.max(0, endsAt - clock.monotonic())
      return await queue.send(pool.client, { signal, limitMs, onEvent: (event) => report.event(event) })
    } catch (error) {
      if (!hasCode(error, 'data-in-use')) throw kept(error, queue)
      // another process sends: ours too
      if (ids.every((id) => isSettled(queue, id))) return
      if (clock.monotonic() >= endsAt)
        throw kept(new PeerbinError('busy', 'another process is sending'), queue)
      await sleep(clock, LOOK_MS, signal)
    }
  }
}

/** It was sent, dropped, or set aside. */
function isSettled(queue: SendQueue, id: number): boolean {
  const found = queue.find(id)
  return found === undefined || found.refused !== null
}

function kept(error: unknown, queue: SendQueue): PeerbinError {
  const why = asPeerbinError(error)
  const { files } = queue.summary()
  if (files === 0) return why
  return new PeerbinError(
    why.code,
    `${why.message.replace(/\.$/, '')}. ${files} file${files === 1 ? ' is' : 's are'} kept in the queue, and will be sent next time`,
    { cause: error }
  )
}

/** What was set aside is told; the first of them is what the command fails with. */
function settle(ids: readonly number[], queue: SendQueue, report: SendReport): PeerbinError | undefined {
  let failure: PeerbinError | undefined
  for (const id of ids) {
    const found = queue.find(id)
    if (found?.refused === null || found === undefined) continue
    const { code, text } = found.refused
    failure ??= new PeerbinError(isErrorCode(code) ? code : 'bad-request', text)
  }
  report.summary(queue.summary())
  return failure
}

/** Looks again and again, and sends what is the same at two looks. */
async function watch(
  paths: readonly string[],
  { queue, pool, report }: Sending,
  options: SendOptions,
  context: CliContext
): Promise<void> {
  using scope = abortScope(context.interrupted)
  const { signal } = scope
  const sending = queue.run(pool.client, { signal, onEvent: (event) => report.event(event) })
  // whichever ends by an error ends the other
  sending.catch((error: unknown) => scope.abort(asPeerbinError(error)))
  say(context, `sending what appears; Ctrl-C ends it, and keeps what is not sent yet`)
  let before = new Map<string, string>()
  const failed = new Map<string, string>()
  while (!signal.aborted) {
    const found = await findFiles(paths, context.cwd)
    const settled = context.clock.now() - SECOND_MS
    for (const file of found) {
      if (signal.aborted) break
      const isStill = before.get(file.path) === file.stamp && file.modifiedAt < settled
      if (!isStill || file.sizeBytes === 0 || failed.get(file.path) === file.stamp) continue
      try {
        const wanted = addOptions(file, options, context)
        const origin = { path: file.path, stamp: `${file.stamp} ${file.name}` }
        const { state } = await queue.addFile(file.path, { ...wanted, origin })
        if (state === 'queued') report.added(file.name, state)
      } catch (error) {
        if (hasCode(error, 'local-changed')) continue
        report.failed(file.name, asPeerbinError(error))
        // a queue that is full is not always full
        if (!hasCode(error, 'local-full')) failed.set(file.path, file.stamp)
      }
    }
    before = new Map(found.map(({ path, stamp }) => [path, stamp]))
    for (const path of failed.keys()) if (!before.has(path)) failed.delete(path)
    await sleep(context.clock, options.every, signal).catch(() => undefined) // ends the loop
  }
  await sending
}

export interface QueueOptions extends AccountOptions {
  queueFolder?: string
  wait: number
}

/** What waits for a pool, and what was set aside. */
export async function showQueue(ref: string, options: QueueOptions, context: CliContext): Promise<void> {
  using opened = await queueOf(ref, options, context)
  const { queue } = opened
  let after: { at: number; id: number } | undefined
  do {
    const page = queue.list({ after })
    for (const { id, name, at, sizeBytes, refused, notBefore } of page) {
      const state = refused !== null ? 'refused' : notBefore > context.clock.now() ? 'held' : 'waiting'
      const record = { id, name, timestamp: new Date(at).toISOString(), size: sizeBytes, state, ...refused }
      const why = refused === null ? '' : `  ${refused.code}: ${refused.text}`
      const line = `${id}  ${record.timestamp}  ${formatBytes(sizeBytes)}  ${state}  ${shown(name)}${shown(why)}`
      tell(options, context, record, line)
    }
    const last = page.at(-1)
    after = last === undefined ? undefined : { at: last.at, id: last.id }
  } while (after !== undefined)
  const { files, bytes, refused, sent } = queue.summary()
  if (options.json !== true)
    say(context, `${files} waiting, ${refused} refused (${formatBytes(bytes)} in all); ${sent} sent so far`)
}

/** Sends what waits, and before that what was set aside, where it is named. */
export async function sendQueue(
  ref: string,
  ids: readonly number[],
  options: QueueOptions & { all?: boolean },
  context: CliContext
): Promise<void> {
  using opened = await queueOf(ref, options, context)
  const { queue, pool } = opened
  if (ids.length > 0 || options.all === true) queue.retry(options.all === true ? undefined : ids)
  const report = new SendReport(context, options.json === true)
  try {
    await deliver([], { queue, pool, report }, { ...options, ...STANDARD }, context)
    const failure = settle(ids, queue, report)
    if (failure !== undefined) throw new FailedQuietly(failure)
  } finally {
    report.end()
  }
}
const STANDARD = { timestamp: 'mtime', type: '', every: 0 } as const

export async function dropQueued(
  ref: string,
  ids: readonly number[],
  options: QueueOptions & { refused?: boolean },
  context: CliContext
): Promise<void> {
  if (ids.length === 0 && options.refused !== true)
    throw new PeerbinError('usage', 'say which: ids, as `peerbin pool queue` shows them, or --refused')
  using opened = await queueOf(ref, options, context)
  const dropped = await opened.queue.drop(options.refused === true ? undefined : ids)
  tell(options, context, { dropped }, `${dropped} dropped`)
}

async function queueOf(
  ref: string,
  options: QueueOptions,
  context: CliContext
): Promise<Disposable & { queue: SendQueue; pool: OpenedPool; client: PoolClient }> {
  const pool = await openPool(ref, options, context)
  const queue = openQueue(pool, options, context)
  return { queue, pool, client: pool.client, [Symbol.dispose]: () => queue.close() }
}

/** What `peerbin pool serve --exec` does: a command for each group that is ready, and its output as the result. */

import { openAsBlob } from 'node:fs'
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PeerbinError } from '../../errors.ts'
import { MANIFEST } from '../../pool-client/fetch-group.ts'
import { serve, WorkFailed } from '../../pool-client/serve.ts'
import type { Job, ServeEvent, WorkResult } from '../../pool-client/serve.ts'
import type { AccountOptions } from '../account/session.ts'
import { localTime, shown, writeLines } from '../account/tables.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { asSentence } from '../account/api.ts'
import { fileStem } from './groups.ts'
import { openPool } from './open-pool.ts'
import { runCommand } from './run-command.ts'

const TOLD_WAIT_MS = 1000

export interface ServeOptions extends AccountOptions {
  exec: string
  /** Folders of groups are made in it; default: the system's for what is temporary. */
  work?: string
  resultName?: string
  resultType: string
  timeLimit?: number
  concurrency: number
  once?: boolean
  keep?: boolean
}

export async function servePool(ref: string, options: ServeOptions, context: CliContext): Promise<void> {
  const { client, name } = await openPool(ref, options, context)
  const about = await client.about({ signal: context.interrupted })
  if (options.once !== true)
    say(
      context,
      `works on groups of ${shown(about.name === '' ? name : about.name)} as they are ready; Ctrl-C ends it`
    )
  const report = new ServeReport(context, options.json === true)
  await serve(client, async (job) => await work(job, options, about.pool, context), {
    signal: context.interrupted,
    concurrency: options.concurrency,
    once: options.once === true,
    onEvent: (event) => report.event(event)
  })
  if (options.once === true && report.failure !== undefined) throw new FailedQuietly(report.failure)
}

async function work(job: Job, options: ServeOptions, pool: string, context: CliContext): Promise<WorkResult> {
  const { group, signal } = job
  const base = resolve(context.cwd, options.work ?? join(tmpdir(), 'peerbin-pools'))
  await mkdir(base, { recursive: true, mode: 0o700 })
  // each attempt has a folder of its own: a command of an attempt before may still write to its own
  const folder = await mkdtemp(join(base, `${fileStem(group)}-${group.fence}-`))
  const release = async (): Promise<void> => {
    if (options.keep !== true) await rm(folder, { recursive: true, force: true })
  }
  try {
    const files = join(folder, 'group')
    const output = join(folder, 'output')
    await job.fetch(files)
    const { failure, isFinal } = await runCommand({
      command: options.exec,
      cwd: files,
      env: environment(job, { pool, files, output }, context),
      signal,
      limitMs: options.timeLimit,
      onText: (text) => context.stderr.write(text),
      clock: context.clock
    })
    if (failure !== undefined) throw new WorkFailed(failure, isFinal)
    const found = await stat(output).catch(() => undefined) // one that is not there
    if (found?.isFile() !== true || found.size === 0)
      throw new WorkFailed('the command ended well, but wrote nothing to PEERBIN_OUTPUT')
    const name = options.resultName ?? `result-${fileStem(group)}`
    const body = await openAsBlob(output, { type: options.resultType })
    return { body, name, mediaType: options.resultType, release }
  } catch (error) {
    await release()
    throw error
  }
}

function environment(
  { group }: Job,
  { pool, files, output }: { pool: string; files: string; output: string },
  { env }: CliContext
): Record<string, string | undefined> {
  const { PEERBIN_TOKEN: _secret, ...others } = env
  return {
    ...others,
    PEERBIN_POOL: pool,
    PEERBIN_GROUP: group.group,
    PEERBIN_GROUP_DIR: files,
    PEERBIN_MANIFEST: join(files, MANIFEST),
    PEERBIN_OUTPUT: output,
    PEERBIN_GROUP_START: group.start,
    PEERBIN_GROUP_END: group.end,
    PEERBIN_GROUP_GENERATION: String(group.generation),
    PEERBIN_GROUP_LATE: group.late ? '1' : '0',
    PEERBIN_ATTEMPT: String(group.attempts)
  }
}

class ServeReport {
  readonly #context: CliContext
  readonly #isJson: boolean
  /** Of the last group that failed, for `--once`. */
  failure: PeerbinError | undefined

  constructor(context: CliContext, isJson: boolean) {
    this.#context = context
    this.#isJson = isJson
  }

  event(event: ServeEvent): void {
    if (event.type === 'waiting') {
      if (event.waitMs >= TOLD_WAIT_MS)
        say(
          this.#context,
          `${asSentence(shown(event.why.message))} Trying again in ${Math.ceil(event.waitMs / 1000)} s.`
        )
      return
    }
    const { group, start, files, attempts } = event.group
    const what = `${localTime(start)} (${group})`
    if (this.#isJson)
      writeLines(this.#context, [{ type: event.type, ...detailsOf(event), group, start, attempts }])
    switch (event.type) {
      case 'taken':
        return say(this.#context, `${what}: ${files} file${files === 1 ? '' : 's'}, attempt ${attempts}`)
      case 'done':
        if (!this.#isJson) this.#context.stdout.write(`${group}\n`)
        return say(this.#context, `${what}: done, ${event.result.body.size} bytes`)
      case 'failed':
        this.failure = new PeerbinError('work-failed', event.reason)
        return say(this.#context, `${what}: failed: ${shown(event.reason.replaceAll('\n', ' | '))}`)
      case 'lost':
        this.failure = event.why
        return say(this.#context, `${what}: ${shown(event.why.message)}`)
    }
  }
}

function detailsOf(event: Exclude<ServeEvent, { type: 'waiting' }>): Record<string, unknown> {
  if (event.type === 'failed') return { reason: event.reason, final: event.isFinal }
  if (event.type === 'lost') return { code: event.why.code }
  return event.type === 'done' ? { name: event.result.name, size: event.result.body.size } : {}
}

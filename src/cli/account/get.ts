/** What `peerbin get` does. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PathSet } from '../../bundle/paths.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import { sha256Hex } from '../../protocol/schema.ts'
import { hashSecret } from '../../protocol/secrets.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { completePart } from '../pull/complete-part.ts'
import { ACCEPT_FILE, fetchRest } from '../pull/download.ts'
import type { Source } from '../pull/download.ts'
import { layoutFeed } from '../pull/feed.ts'
import { safeFileName, safePart } from '../pull/file-name.ts'
import { plainLayout } from '../pull/layout.ts'
import { beginPart, resumePart } from '../pull/part.ts'
import { isCode, readState, refuseExisting, refuseFolder, STATE } from '../pull/part-state.ts'
import type { PartState } from '../pull/part-state.ts'
import { payloadCheck } from '../pull/payload-check.ts'
import type { FileAnswer } from './answers.ts'
import type { AccountApi } from './api.ts'
import { fileAt, filesBelow, findFile, remotePath } from './find-file.ts'
import { openFiles } from './open-files.ts'
import type { FileOptions, Files } from './open-files.ts'
import { shown, tell } from './tables.ts'

export interface GetOptions extends FileOptions {
  output?: string
  force?: boolean
  recursive?: boolean
  version?: number
}

/** One version of a file, as it is fetched. */
interface Wanted {
  readonly id: string
  readonly path: string
  readonly version: number
  readonly sizeBytes: number
  readonly sha256: string | null
}

export async function get(path: string, options: GetOptions, context: CliContext): Promise<void> {
  const { api, owner } = await openFiles(options, context)
  if (options.recursive === true) return await getFolder(path, options, { api, owner }, context)
  const file = await findFile(api, path, owner)
  const wanted = await wantedOf(file, options.version, api)
  if (options.output === '-') return await toOutput(wanted, api, context)
  const target = await targetOf(wanted, options, context)
  await fetchTo(target, wanted, options.force === true, api, context)
  report(target, wanted, options, context)
}

async function wantedOf(file: FileAnswer, number: number | undefined, api: AccountApi): Promise<Wanted> {
  const { file_id: id, path } = file
  const isOther = number !== undefined && number !== file.version
  const from = isOther ? await fileAt(api, id, number) : file
  const { version, file_size: sizeBytes } = from
  if (from.status === 'upload_failed')
    throw new PeerbinError('not-found', `version ${version} of ${shown(path)} never arrived`)
  return { id, path, version, sizeBytes, sha256: sha256Hex.safeParse(from.sha256).data ?? null }
}

/** A file that is there is no part; one that was begun of an earlier version is begun anew. */
async function fetchTo(
  target: string,
  wanted: Wanted,
  force: boolean,
  api: AccountApi,
  context: CliContext
): Promise<void> {
  await refuseFolder(target)
  if (!force) await refuseExisting(target)
  const state = stateOf(wanted)
  const begun = await readState(target + STATE)
  const isSame = begun?.tokenHash === state.tokenHash
  const part = isSame ? await resumePart(target, state) : await beginPart(target, state)
  await completePart(part, async () => sourceOf(wanted, api), force, context)
}

const stateOf = ({ id, version, sizeBytes, sha256 }: Wanted): PartState => ({
  tokenHash: hashSecret(['file', id, version, sizeBytes, sha256].join('\n')),
  claim: null,
  sizeBytes,
  sha256,
  shape: 'file',
  encryption: null,
  indexText: null
})

function sourceOf({ id, version, sizeBytes }: Wanted, api: AccountApi): Source {
  return {
    feed: layoutFeed(plainLayout(sizeBytes)),
    sizeBytes,
    ask: (from) =>
      api.answer(
        {
          method: 'GET',
          path: `api/files/download/${encodeURIComponent(id)}`,
          // by its number: a newer one may come while this one is fetched
          query: { version },
          headers: { accept: ACCEPT_FILE, ...(from === 0 ? {} : { range: `bytes=${from}-` }) }
        },
        [200, 206]
      )
  }
}

/** Nothing is kept on the way; whether the digest matches is known at the end, and the exit code says it. */
async function toOutput(wanted: Wanted, api: AccountApi, context: CliContext): Promise<void> {
  const check = payloadCheck(wanted.sizeBytes, wanted.sha256, undefined)
  await fetchRest(
    sourceOf(wanted, api),
    {
      get position() {
        return check.position
      },
      append: async (bytes) => {
        await context.stdout.writeBytes(bytes)
        check.update(bytes)
      }
    },
    context
  )
}

async function targetOf({ path }: Wanted, options: GetOptions, context: CliContext): Promise<string> {
  const name = safeFileName(path)
  if (options.output === undefined) return join(context.cwd, name)
  const output = resolve(context.cwd, options.output)
  const found = await stat(output).catch(() => undefined) // what cannot be looked at is reported when it is written
  if (found?.isDirectory() === true) return join(output, name)
  if (/[/\\]$/.test(options.output)) throw new PeerbinError('local-file', `there is no folder ${output}`)
  return output
}

/** Everything below a folder. What is here already with the same bytes is not fetched again, so that the same command goes on after a break. */
async function getFolder(
  text: string,
  options: GetOptions,
  { api, owner }: Files,
  context: CliContext
): Promise<void> {
  if (options.version !== undefined || options.output === '-')
    throw new PeerbinError('usage', '--recursive goes with neither --version nor -o -')
  const folder = remotePath(text)
  const files = await filesBelow(api, folder, owner)
  if (files.length === 0)
    throw new PeerbinError('file-unknown', `there is no file below ${shown(folder === '' ? '/' : folder)}`)
  const name = folder === '' ? undefined : safeFileName(folder)
  const root = resolve(context.cwd, options.output ?? name ?? '.')
  const paths = new PathSet()
  let failure: PeerbinError | undefined
  for (const file of files) {
    const inside = folder === '' ? file.path : file.path.slice(folder.length + 1)
    const local = paths.addClean(inside.split('/').map(safePart).join('/'))
    try {
      const wanted = await wantedOf(file, undefined, api)
      await getInside(root, local, wanted, options, api, context)
    } catch (error) {
      const known = asPeerbinError(error)
      if (context.interrupted.aborted || hasCode(error, 'credentials-invalid', 'server-unreachable'))
        throw known
      say(context, `${shown(file.path)}: ${known.message} (${known.code})`)
      failure ??= known
    }
  }
  if (failure !== undefined) throw new FailedQuietly(failure)
}

async function getInside(
  root: string,
  local: string,
  wanted: Wanted,
  options: GetOptions,
  api: AccountApi,
  context: CliContext
): Promise<void> {
  const target = join(root, local)
  await makeFolders(root, dirname(local))
  if (!(await isHere(target, wanted))) await fetchTo(target, wanted, options.force === true, api, context)
  report(target, wanted, options, context)
}

/** Folders below the one that the user named; a symbolic link among them would lead out of it. @throws `local-file` */
async function makeFolders(root: string, below: string): Promise<void> {
  try {
    await mkdir(root, { recursive: true })
    let at = root
    for (const part of below === '.' ? [] : below.split('/')) {
      at = join(at, part)
      await mkdir(at).catch((error: unknown) => {
        if (!isCode(error, 'EEXIST')) throw error
      })
      if (!(await lstat(at)).isDirectory()) throw new PeerbinError('local-file', `${at} is not a folder`)
    }
  } catch (error) {
    if (error instanceof PeerbinError) throw error
    throw new PeerbinError('local-file', `cannot make ${join(root, below)}`, { cause: error })
  }
}

async function isHere(target: string, { sizeBytes, sha256 }: Wanted): Promise<boolean> {
  const found = await lstat(target).catch(() => undefined)
  if (sha256 === null || found?.isFile() !== true || found.size !== sizeBytes) return false
  const hash = createHash('sha256')
  try {
    for await (const piece of createReadStream(target) as AsyncIterable<Uint8Array>) hash.update(piece)
  } catch (error) {
    throw new PeerbinError('local-file', `cannot read ${target}`, { cause: error })
  }
  return hash.digest('hex') === sha256
}

const report = (target: string, wanted: Wanted, options: GetOptions, context: CliContext): void =>
  tell(
    options,
    context,
    {
      saved: target,
      file_id: wanted.id,
      path: wanted.path,
      version: wanted.version,
      file_size: wanted.sizeBytes,
      sha256: wanted.sha256
    },
    target
  )

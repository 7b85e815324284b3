/** What `peerbin get --recursive` does. */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PathSet } from '../../bundle/paths.ts'
import { asPeerbinError, hasCode, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { FailedQuietly } from '../failed-quietly.ts'
import { safeFileName, safePart } from '../pull/file-name.ts'
import { isCode } from '../pull/part-state.ts'
import type { AccountApi } from './api.ts'
import { fetchTo, report, wantedOf } from './fetch-file.ts'
import type { GetOptions, Wanted } from './fetch-file.ts'
import { filesBelow, remotePath } from './find-file.ts'
import type { Files } from './open-files.ts'
import { shown } from './tables.ts'

/** Everything below a folder. What is here already with the same bytes is not fetched again, so that the same command goes on after a break. */
export async function getFolder(
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

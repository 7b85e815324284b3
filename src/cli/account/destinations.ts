/** What `peerbin put` sends where: which arguments are files here, and which is a path there. */

import { lstat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { cleanPart, foldPath } from '../../bundle/paths.ts'
import { hasCode, PeerbinError } from '../../errors.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { selectFiles } from '../push/selection.ts'
import type { SelectedFile } from '../push/selection.ts'
import { remotePath } from './find-file.ts'
import { shown } from './tables.ts'

export interface Sent {
  readonly file: SelectedFile
  /** Where it goes. */
  readonly path: string
}

/** A path at the server, and whether it is a folder for sure. */
interface Place {
  readonly path: string
  readonly isFolder: boolean
}

/**
 * The last of several arguments is a path at the server when nothing here has that name, and it begins or ends with `/` or is the second of two: as with `cp`, but never by
 * overlooking a file that is meant.
 * @param to the path, given by an option: then all arguments are files
 * @throws `local-file`, `usage`, `empty-file`
 */
export async function destinationsOf(
  args: readonly string[],
  to: string | undefined,
  context: CliContext
): Promise<Sent[]> {
  const last = args.at(-1) ?? ''
  const isPlace = to === undefined && args.length > 1 && (await isRemote(last, args.length, context))
  const files = isPlace ? args.slice(0, -1) : args
  const place = placeOf(isPlace ? last : to, files.length)
  const sent: Sent[] = []
  for (const arg of files) {
    const name = cleanPart(basename(resolve(context.cwd, arg)))
    const base = place.isFolder ? joined(place.path, name === '' ? 'file' : name) : place.path
    sent.push(...(await sentOf(arg, base, context)))
  }
  refuseDoubles(sent)
  return sent
}

/** Two files for one path would become versions of each other: hardly ever what is meant. @throws `usage` */
function refuseDoubles(sent: readonly Sent[]): void {
  const seen = new Map<string, Sent>()
  for (const each of sent) {
    const other = seen.get(foldPath(each.path))
    if (other !== undefined)
      throw new PeerbinError(
        'usage',
        `${shown(other.file.path)} and ${shown(each.file.path)} would both become ${shown(each.path)}; --to says where a file goes`
      )
    seen.set(foldPath(each.path), each)
  }
}

async function isRemote(text: string, count: number, context: CliContext): Promise<boolean> {
  // nobody sends a whole machine
  if (/^[/\\]+$/.test(text)) return true
  const found = await lstat(resolve(context.cwd, text)).catch(() => undefined) // reported when it is read
  if (found !== undefined) {
    if (!/[/\\]$/.test(text)) return false
    const name = text.replace(/[/\\]+$/, '')
    throw new PeerbinError(
      'usage',
      `${text} is a folder here as well: write ${name} to send it, or --to ${text} for the folder at the server`
    )
  }
  if (count === 2 || /^[/\\]|[/\\]$/.test(text)) return true
  throw new PeerbinError(
    'local-file',
    `there is no file ${text} here; a folder at the server is written ${text}/, or --to ${text}`
  )
}

const placeOf = (text: string | undefined, files: number): Place => {
  const path = remotePath(text ?? '')
  return { path, isFolder: path === '' || files > 1 || /[/\\]$/.test(text ?? '') }
}

const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`)

/** A file as it is called, a folder with all that is in it. Files without a byte are not taken by servers: in a folder they are left out. */
async function sentOf(arg: string, base: string, context: CliContext): Promise<Sent[]> {
  const selection = await select(arg, context)
  const sent: Sent[] = []
  for (const file of selection.files) {
    if (file.sizeBytes === 0) say(context, `${shown(file.path)} is empty: left out`)
    else sent.push({ file, path: selection.isSingle ? base : joined(base, file.inBundle) })
  }
  return sent
}

async function select(arg: string, context: CliContext): ReturnType<typeof selectFiles> {
  const onSkipped = (text: string): void => say(context, text)
  try {
    return await selectFiles([arg], { cwd: context.cwd, onSkipped })
  } catch (error) {
    // said as a bundle's would be
    if (hasCode(error, 'empty-file')) throw new PeerbinError('empty-file', `${arg} has nothing to store`)
    throw error
  }
}

/** Which files a command line names: files as they are, folders with all that is in them. */

import type { BigIntStats } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { ENTRIES_MAX } from '../../bundle/index.ts'
import { PathSet, cleanPart } from '../../bundle/paths.ts'
import { PeerbinError } from '../../errors.ts'
import { printable } from '../http/request.ts'

export interface SelectedFile {
  /** Absolute. */
  readonly path: string
  /** Its name in the bundle: clean, and different from all others. */
  readonly inBundle: string
  readonly sizeBytes: number
  /** As it was when it was chosen: a file that is another one by then, or was written to, is not sent. */
  readonly stat: BigIntStats
}

export interface Selection {
  /** Of the whole: the file's or the folder's; `files` for several. */
  readonly name: string
  /** One file that was named as such, and not a folder. */
  readonly isSingle: boolean
  readonly files: readonly SelectedFile[]
}

export interface SelectionOptions {
  readonly cwd: string
  /** In place of the name that follows from what is sent. */
  readonly name?: string | undefined
  /** Hears what is left out, a sentence each. */
  readonly onSkipped: (text: string) => void
}

const SEVERAL = 'files'

/**
 * @param args files and folders, relative to `cwd`; a symbolic link that is named is followed, one inside a folder is not
 * @throws `local-file` for what is not there or cannot be read, `empty-file` when nothing has a byte, `usage` for too many files
 */
export async function selectFiles(args: readonly string[], options: SelectionOptions): Promise<Selection> {
  const walk = new Walk(options.onSkipped)
  const roots = args.map((arg) => resolve(options.cwd, arg))
  const [only] = roots
  let isSingle = false
  for (const root of roots) {
    const found = await look(root)
    if (found.isFile()) {
      walk.add(root, basename(root), found)
      isSingle = roots.length === 1
    } else if (found.isDirectory()) await walk.folder(root, roots.length === 1 ? '' : `${basename(root)}/`)
    else throw new PeerbinError('local-file', `${root} is not a file`)
  }
  const files = walk.files
  if (files.every(({ sizeBytes }) => sizeBytes === 0)) throw nothingToShare(roots, isSingle)
  const own = only !== undefined && roots.length === 1 ? basename(only) : SEVERAL
  const name = cleanPart(options.name ?? own)
  if (name === '' && options.name !== undefined)
    throw new PeerbinError('usage', '--name: nothing of it can be used as a name')
  return { name: name === '' ? SEVERAL : name, isSingle, files }
}

const nothingToShare = (roots: readonly string[], isSingle: boolean): PeerbinError =>
  new PeerbinError(
    'empty-file',
    `${roots.length === 1 ? roots[0] : 'all of that'} is empty; there is nothing to share`,
    { details: { isSingle } }
  )

const unreadable = (path: string, error: unknown): PeerbinError => {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
  return new PeerbinError('local-file', missing ? `${path} does not exist` : `cannot read ${path}`, {
    cause: error
  })
}

async function look(path: string): Promise<BigIntStats> {
  try {
    return await stat(path, { bigint: true })
  } catch (error) {
    throw unreadable(path, error)
  }
}

class Walk {
  readonly files: SelectedFile[] = []
  readonly #paths = new PathSet()
  readonly #onSkipped: (text: string) => void

  constructor(onSkipped: (text: string) => void) {
    this.#onSkipped = onSkipped
  }

  add(path: string, wanted: string, found: BigIntStats): void {
    if (this.files.length >= ENTRIES_MAX)
      throw new PeerbinError(
        'usage',
        `that is more than ${ENTRIES_MAX} files; make an archive of them, and send that`
      )
    const inBundle = this.#paths.addClean(wanted)
    if (inBundle !== wanted)
      this.#onSkipped(`${printable(wanted)} goes as ${inBundle}: its own name cannot be used, or is taken`)
    this.files.push({ path, inBundle, sizeBytes: Number(found.size), stat: found })
  }

  /** Everything below a folder, in the order of names, so that the same folder makes the same bundle. */
  async folder(path: string, prefix: string): Promise<void> {
    const children = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
      throw unreadable(path, error)
    })
    children.sort((left, right) => (left.name < right.name ? -1 : 1))
    for (const child of children) {
      const inside = join(path, child.name)
      const wanted = prefix + child.name
      if (child.isSymbolicLink())
        this.#onSkipped(`${printable(wanted)} is a symbolic link, which is not followed: left out`)
      else if (child.isDirectory()) await this.folder(inside, `${wanted}/`)
      else if (child.isFile()) this.add(inside, wanted, await look(inside))
      else this.#onSkipped(`${printable(wanted)} is no file, but a pipe, socket or device: left out`)
    }
  }
}

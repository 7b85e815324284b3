/**
 * LevelDB ends the process when a damaged block makes no sense to it (it asserts what it reads, and classic-level has no way to ask for checksums first), so that nobody
 * can be told why. A mark in the folder tells at the next start.
 */

import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { remedyFor } from './leveldb.ts'

const MARK = 'opening'

/** Runs `open`. @param onCut told, in words for an operator, when the process ended in the middle of the opening before */
export async function marked<T>(
  folder: string,
  open: () => Promise<T>,
  onCut: (text: string) => void
): Promise<T> {
  const mark = join(folder, MARK)
  // a disk that is full, or cannot be written, must not keep a node from being read: then there is no mark
  const isCut = await writeFile(mark, '', { flag: 'wx' }).then(
    () => false,
    (error: unknown) => error instanceof Error && 'code' in error && error.code === 'EEXIST'
  )
  if (isCut) onCut(`The last start ended while ${folder} was being opened. ${adviceFor(folder)}`)
  try {
    return await open()
  } finally {
    await rm(mark, { force: true }).catch(() => {}) // a needless warning at the next start
  }
}

const adviceFor = (folder: string): string =>
  `If this one ends too, with an assertion of LevelDB, the store is damaged: ${remedyFor(folder)}`

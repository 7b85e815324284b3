/** Files as a person gave them: chosen, dropped or pasted, single or in folders. */

import { ENTRIES_MAX } from '../../src/bundle/index.ts'

export interface Picked {
  readonly file: File
  /** With folders, as the browser says it; not clean yet. */
  readonly path: string
}

export const fromFiles = (files: Iterable<File>): Picked[] =>
  Array.from(files, (file) => ({ file, path: file.webkitRelativePath || file.name }))

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject))

/** A reader gives some at a time (Chromium: 100), and none at the end. */
async function* entriesIn(folder: FileSystemDirectoryEntry): AsyncGenerator<FileSystemEntry> {
  const reader = folder.createReader()
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject)
    )
    if (entries.length === 0) return
    yield* entries
  }
}

const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile
const isFolder = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory

/** Adds what is below an entry; stops beyond as many as a bundle can hold, so that a dropped disk ends soon. */
async function collect(entry: FileSystemEntry, into: Picked[]): Promise<void> {
  if (into.length > ENTRIES_MAX) return
  if (isFile(entry)) into.push({ file: await fileOf(entry), path: entry.fullPath.replace(/^\//, '') })
  else if (isFolder(entry)) for await (const below of entriesIn(entry)) await collect(below, into)
}

/** What was dropped, with everything in folders. Has to be called while the event is handled: later the browser has taken it back. */
export async function fromDrop(transfer: DataTransfer): Promise<Picked[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter(
    (entry) => entry !== null
  )
  if (entries.length === 0) return fromFiles(transfer.files)
  const picked: Picked[] = []
  for (const entry of entries) await collect(entry, picked)
  return picked
}

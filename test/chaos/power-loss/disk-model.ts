/**
 * A disk that loses power: from the events of a trace, what may be on it afterwards.
 *
 * - Bytes of a file are certain once a sync of that file began after they were written and ended before the crash. What came later may be there in part: a prefix of the
 *   later writes, the last of them cut anywhere; or, for files that are written in place, any of them.
 * - Names (created, renamed, linked, removed) are kept in their order, as journaling file systems do: a sync of the folder, or of a new file itself, makes
 *   everything up to it certain, and the rest is cut somewhere. https://www.kernel.org/doc/html/latest/filesystems/ext4/journal.html
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Dice } from '../random.ts'
import type { FileEvent } from './trace.ts'

interface Change {
  from: number
  to: number
  offset: number
  /** Undefined: the file is cut to `offset`. */
  bytes: Buffer | undefined
}

interface FileBody {
  changes: Change[]
  syncs: Array<{ from: number; to: number }>
}

interface NameChange {
  from: number
  to: number
  kind: 'create' | 'rename' | 'link' | 'unlink'
  path: string
  target: string
  body: FileBody | undefined
}

/** How the part that was not synced is chosen: none of it, all of it, a prefix cut anywhere, or any of the writes. */
export type CrashMode = 'nothing' | 'everything' | 'prefix' | 'any'
export const CRASH_MODES: readonly CrashMode[] = ['nothing', 'prefix', 'any', 'everything']

export class DiskModel {
  readonly #names: NameChange[] = []
  /** Syncs of folders, by path. */
  readonly #folderSyncs: Array<{ path: string; from: number; to: number }> = []
  /** Places where something became durable: right after each, and right before, is where a crash is most telling. */
  readonly syncPlaces: number[] = []
  readonly said: Array<{ place: number; text: string }> = []
  readonly end: number

  constructor(events: readonly FileEvent[]) {
    const live = new Map<string, FileBody>()
    const open = new Map<number, { body: FileBody; position: number; appends: boolean }>()
    const sizes = new Map<FileBody, number>()
    const name = (event: { from: number; to: number }, change: Omit<NameChange, 'from' | 'to'>): void => {
      this.#names.push({ from: event.from, to: event.to, ...change })
    }
    for (const event of events) {
      switch (event.kind) {
        case 'life':
          open.clear()
          break
        case 'said':
          for (const text of event.text.split('\n')) this.said.push({ place: event.from, text })
          break
        case 'open': {
          let body = live.get(event.path)
          if (body === undefined) {
            open.delete(event.fd) // its number may have been a file's before
            if (!event.creates) break // a folder
            body = { changes: [], syncs: [] }
            live.set(event.path, body)
            name(event, { kind: 'create', path: event.path, target: '', body })
          }
          if (event.truncates && (sizes.get(body) ?? 0) > 0) {
            body.changes.push({ from: event.from, to: event.to, offset: 0, bytes: undefined })
            sizes.set(body, 0)
          }
          open.set(event.fd, { body, position: 0, appends: event.appends })
          break
        }
        case 'write': {
          const file = open.get(event.fd)
          if (file === undefined) break
          const size = sizes.get(file.body) ?? 0
          const offset = event.offset ?? (file.appends ? size : file.position)
          if (event.offset === undefined) file.position = offset + event.bytes.byteLength
          file.body.changes.push({ from: event.from, to: event.to, offset, bytes: event.bytes })
          sizes.set(file.body, Math.max(size, offset + event.bytes.byteLength))
          break
        }
        case 'truncate': {
          const file = open.get(event.fd)
          if (file === undefined) break
          file.body.changes.push({
            from: event.from,
            to: event.to,
            offset: event.sizeBytes,
            bytes: undefined
          })
          sizes.set(file.body, event.sizeBytes)
          break
        }
        case 'sync': {
          const sync = { from: event.from, to: event.to }
          const file = open.get(event.fd)
          if (file === undefined) this.#folderSyncs.push({ path: event.path, ...sync })
          else file.body.syncs.push(sync)
          this.syncPlaces.push(event.to)
          break
        }
        case 'rename':
        case 'link': {
          const body = live.get(event.path)
          if (body === undefined) break
          live.set(event.target, body)
          if (event.kind === 'rename') live.delete(event.path)
          name(event, { kind: event.kind, path: event.path, target: event.target, body })
          break
        }
        case 'unlink':
          live.delete(event.path)
          name(event, { kind: 'unlink', path: event.path, target: '', body: undefined })
          break
      }
    }
    this.end = Math.max(0, ...events.map(({ to }) => to))
  }

  /** Writes into an empty folder what may be there after a crash at that place. */
  writeImage(folder: string, place: number, mode: CrashMode, dice: Dice): void {
    for (const [path, body] of this.#filesAt(place, mode, dice)) {
      // SQLite's shared memory is rebuilt from the log
      if (path.endsWith('-shm')) continue
      mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o700 })
      writeFileSync(join(folder, path), contentOf(body, place, mode, dice), { mode: 0o600 })
    }
  }

  #filesAt(place: number, mode: CrashMode, dice: Dice): Map<string, FileBody> {
    const done = this.#names.filter(({ from }) => from <= place)
    const certain = this.#certainNames(done, place)
    const left = done.length - certain
    const more = mode === 'nothing' ? 0 : mode === 'everything' ? left : dice.whole(0, left)
    const files = new Map<string, FileBody>()
    for (const change of done.slice(0, certain + more)) {
      if (change.kind === 'unlink' || change.kind === 'rename') files.delete(change.path)
      if (change.body !== undefined)
        files.set(change.kind === 'create' ? change.path : change.target, change.body)
    }
    return files
  }

  /** How many of the changes of names are certain. */
  #certainNames(done: readonly NameChange[], place: number): number {
    let certain = 0
    for (const [number, change] of done.entries()) {
      const folders = [dirname(change.path), ...(change.target === '' ? [] : [dirname(change.target)])]
      const byFolder = folders.every((folder) =>
        this.#folderSyncs.some(
          (sync) => sync.path === (folder === '.' ? '' : folder) && sync.from > change.to && sync.to <= place
        )
      )
      const byFile =
        change.kind === 'create' &&
        change.body?.syncs.some((sync) => sync.from > change.to && sync.to <= place) === true
      if (byFolder || byFile) certain = number + 1
    }
    return certain
  }
}

function contentOf(body: FileBody, place: number, mode: CrashMode, dice: Dice): Buffer {
  const sync = body.syncs.findLast(({ to }) => to <= place)
  const done = body.changes.filter(({ from }) => from <= place)
  const certain = done.filter((change) => sync !== undefined && change.to < sync.from)
  const uncertain = done.filter((change) => !certain.includes(change))
  return apply([...certain, ...chosen(uncertain, mode, dice)])
}

function chosen(changes: readonly Change[], mode: CrashMode, dice: Dice): Change[] {
  switch (mode) {
    case 'nothing':
      return []
    case 'everything':
      return [...changes]
    case 'any':
      return changes.filter(() => dice.fraction() < 0.5)
    case 'prefix': {
      const prefix = changes.slice(0, dice.whole(0, changes.length))
      const last = prefix.at(-1)
      if (last?.bytes === undefined) return prefix
      const cut = { ...last, bytes: last.bytes.subarray(0, dice.whole(0, last.bytes.byteLength)) }
      return [...prefix.slice(0, -1), cut]
    }
  }
}

function apply(changes: readonly Change[]): Buffer {
  let size = 0
  const most = Math.max(0, ...changes.map(({ offset, bytes }) => offset + (bytes?.byteLength ?? 0)))
  const content = Buffer.alloc(most) // a hole reads as zeros
  for (const { offset, bytes } of changes) {
    if (bytes === undefined) {
      content.fill(0, offset)
      size = offset
    } else {
      bytes.copy(content, offset)
      size = Math.max(size, offset + bytes.byteLength)
    }
  }
  return content.subarray(0, size)
}

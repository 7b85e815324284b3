/**
 * What a process did to the files of a folder, read from a log of strace: which bytes were written where, which names came and went, what was synced, and which lines
 * the process printed meanwhile. The kernel's own order, over all threads.
 */

import { spawnSync } from 'node:child_process'
import { relative } from 'node:path'

/** Calls that change files or names, or make changes durable. */
const CALLS =
  'openat,write,pwrite64,writev,pwritev,pwritev2,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,fsync,fdatasync'
/** Longest single write that is recorded. */
const STRING_BYTES_MAX = 1_000_000

export const STRACE_OPTIONS: readonly string[] = [
  '-f',
  '-y',
  '-xx',
  '-s',
  String(STRING_BYTES_MAX),
  '--seccomp-bpf',
  '-e',
  `trace=${CALLS}`
]

/** Why strace cannot be used here; undefined when it can. */
export function straceHindrance(): string | undefined {
  const probe = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true'], { encoding: 'utf8' })
  if (probe.error !== undefined) return `strace cannot be run (Debian package strace): ${probe.error.message}`
  return probe.status === 0 ? undefined : `strace is not allowed to trace: ${probe.stderr.trim()}`
}

/** Paths are relative to the folder. `from` and `to` are places in the order of events: a call began and ended there. */
export type FileEvent = { from: number; to: number } & (
  | { kind: 'open'; path: string; fd: number; creates: boolean; truncates: boolean; appends: boolean }
  | { kind: 'write'; path: string; fd: number; offset: number | undefined; bytes: Buffer }
  | { kind: 'truncate'; path: string; fd: number; sizeBytes: number }
  | { kind: 'sync'; path: string; fd: number }
  | { kind: 'rename'; path: string; target: string }
  | { kind: 'link'; path: string; target: string }
  | { kind: 'unlink'; path: string }
  /** A line that the process printed. */
  | { kind: 'said'; text: string }
  /** The process ended, and a new one began: its descriptors are gone. */
  | { kind: 'life' }
)

interface Call {
  name: string
  args: string
  result: string
  from: number
  to: number
}

/** @param logs one of strace for each life of the process, in order */
export function parseTrace(logs: readonly string[], folder: string): FileEvent[] {
  const events: FileEvent[] = []
  let place = 0
  for (const log of logs) {
    const calls: Call[] = []
    for (const call of callsOf(log, place)) {
      place = Math.max(place, call.to)
      calls.push(call)
    }
    events.push({ kind: 'life', from: place, to: ++place })
    events.push(...calls.flatMap((call) => eventOf(call, folder) ?? []))
    place++
  }
  return events
}

const START = /^(\d+) +([a-z0-9_]+)\((.*)$/
const RESUMED = /^(\d+) +<\.\.\. ([a-z0-9_]+) resumed>(.*)$/
const UNFINISHED = ' <unfinished ...>'

/** Calls in the order of their ends, with those that were interrupted by another thread's put together again. */
function callsOf(log: string, firstPlace: number): Call[] {
  const open = new Map<string, { name: string; args: string; from: number }>()
  const calls: Call[] = []
  for (const [number, line] of log.split('\n').entries()) {
    const place = firstPlace + 2 + number
    const started = START.exec(line)
    const resumed = RESUMED.exec(line)
    const pid = started?.[1] ?? resumed?.[1]
    if (pid === undefined) continue
    const begun = open.get(pid)
    const name = started?.[2] ?? begun?.name ?? ''
    const text = started?.[3] ?? (begun?.args ?? '') + (resumed?.[3] ?? '')
    const from = started === null ? (begun?.from ?? place) : place
    if (text.endsWith(UNFINISHED)) {
      open.set(pid, { name, args: text.slice(0, -UNFINISHED.length), from })
      continue
    }
    open.delete(pid)
    const end = text.lastIndexOf(') ')
    const result = /= (-?\d+)/.exec(text.slice(end))?.[1] ?? '?'
    calls.push({ name, args: text.slice(0, end), result, from, to: place })
  }
  return calls
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex')
const STRING = /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g
const FD = /^(\d+)<((?:\\x[0-9a-f]{2})*)>/

function eventOf(call: Call, folder: string): FileEvent | undefined {
  const { name, args, result, from, to } = call
  if (result.startsWith('-') || result === '?') return undefined
  const strings = [...args.matchAll(STRING)].map(([, text = '', cut]) => {
    if (cut !== undefined) throw new Error(`a write of more than ${STRING_BYTES_MAX} bytes was not recorded`)
    return hex(text)
  })
  const [, fdText = '', fdPath = ''] = FD.exec(args) ?? []
  const fd = Number(fdText)
  const inside = (path: string): string | undefined => {
    const short = relative(folder, path.replace(/ \(deleted\)$/, ''))
    return short.startsWith('..') ? undefined : short
  }
  const ofFd = inside(hex(fdPath).toString())
  const [first, second] = strings.map((bytes) => inside(bytes.toString()))
  const when = { from, to }
  switch (name) {
    case 'openat':
      if (first === undefined) return undefined
      return {
        ...when,
        kind: 'open',
        path: first,
        fd: Number(result),
        creates: args.includes('O_CREAT'),
        truncates: args.includes('O_TRUNC'),
        appends: args.includes('O_APPEND')
      }
    case 'write':
    case 'writev':
    case 'pwrite64':
    case 'pwritev':
    case 'pwritev2': {
      const bytes = Buffer.concat(strings).subarray(0, Number(result))
      if (fd === 1 && name === 'write') return { ...when, kind: 'said', text: bytes.toString() }
      if (ofFd === undefined) return undefined
      const offset = name.startsWith('p') ? Number(/, (\d+)$/.exec(args)?.[1] ?? Number.NaN) : undefined
      return { ...when, kind: 'write', path: ofFd, fd, offset, bytes }
    }
    case 'ftruncate':
      if (ofFd === undefined) return undefined
      return { ...when, kind: 'truncate', path: ofFd, fd, sizeBytes: Number(/, (\d+)$/.exec(args)?.[1]) }
    case 'fallocate':
      if (ofFd === undefined) return undefined
      throw new Error('fallocate is not understood here')
    case 'fsync':
    case 'fdatasync':
      return ofFd === undefined ? undefined : { ...when, kind: 'sync', path: ofFd, fd }
    case 'rename':
    case 'renameat':
    case 'renameat2':
    case 'link':
    case 'linkat': {
      const kind = name.startsWith('rename') ? 'rename' : 'link'
      return first === undefined || second === undefined
        ? undefined
        : { ...when, kind, path: first, target: second }
    }
    case 'unlink':
    case 'unlinkat':
      return first === undefined ? undefined : { ...when, kind: 'unlink', path: first }
    default:
      return undefined // folders: an image has those that its files need
  }
}

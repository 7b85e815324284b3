/**
 * What names of webhooks lead to: this machine's file of hosts, else the name servers that it knows. Not by dns.lookup: each of its calls holds one of the few threads that also read
 * files and hash, for as long as a name server of a stranger's choice keeps it waiting. These hold none, end with their request, and are bounded. Names are full ones: no domains are searched.
 */

import { Resolver } from 'node:dns/promises'
import type { LookupAddress } from 'node:dns'
import { open } from 'node:fs/promises'
import { isIP } from 'node:net'
import { Budget } from '../../runtime/budget.ts'

/** All addresses of a name. Ends early, with whatever error, when the signal aborts. */
export type ResolveName = (name: string, signal: AbortSignal) => Promise<LookupAddress[]>

const HOSTS_FILE =
  process.platform === 'win32'
    ? `${process.env['SystemRoot'] ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts'
const HOSTS_BYTES_MAX = 1024 * 1024
/** A name server is asked so often, and for the first time waited for so long; then the next one. */
const TRIES = 3
const QUERY_MS = 2000
/** Names at once, with two questions each; further ones wait their turn. */
const AT_ONCE_MAX = 128
const WAITING_MAX = 1024

/** What RFC 6761 says of it, where the file of hosts is silent. */
const LOCALHOST: LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 }
]

export interface NameOptions {
  readonly hostsFile?: string
  /** Default: those of the machine. */
  readonly servers?: readonly string[]
}

/** @throws what a name server says, or the signal's reason */
export function nameResolver({ hostsFile = HOSTS_FILE, servers }: NameOptions = {}): ResolveName {
  const places = new Budget(AT_ONCE_MAX, WAITING_MAX)
  return async (given, signal) => {
    const name = given.toLowerCase().replace(/\.$/, '')
    const place = await places.acquire(1, signal)
    try {
      const known = hostsOf(await readHosts(hostsFile), name)
      if (known.length > 0) return known
      if (name === 'localhost' || name.endsWith('.localhost')) return LOCALHOST
      return await ask(name, servers, signal)
    } finally {
      place.release()
    }
  }
}

async function ask(
  name: string,
  servers: readonly string[] | undefined,
  signal: AbortSignal
): Promise<LookupAddress[]> {
  const resolver = new Resolver({ timeout: QUERY_MS, tries: TRIES })
  if (servers !== undefined) resolver.setServers(servers)
  const cancel = (): void => resolver.cancel()
  signal.throwIfAborted()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = [
      ...(v4.status === 'fulfilled' ? v4.value.map((address) => ({ address, family: 4 })) : []),
      ...(v6.status === 'fulfilled' ? v6.value.map((address) => ({ address, family: 6 })) : [])
    ]
    if (found.length === 0 && v4.status === 'rejected') throw v4.reason
    return found
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Empty where there is none: then the name servers know. */
async function readHosts(path: string): Promise<string> {
  try {
    await using file = await open(path)
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HOSTS_BYTES_MAX), position: 0 })
    return buffer.toString('utf8', 0, bytesRead)
  } catch {
    return ''
  }
}

/** hosts(5): an address and its names, in each line. */
function hostsOf(text: string, name: string): LookupAddress[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const family = isIP(address)
    return family !== 0 && names.some((each) => each.toLowerCase() === name) ? [{ address, family }] : []
  })
}

/** What this machine could do at best, measured in the same run: the figures of the cluster are given as shares of these. */

import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'

const MB = 1e6
const CHUNK = 4 * 1024 * 1024
const SLICE = 256 * 1024

const rate = (bytes: number, startedAt: number): number =>
  bytes / MB / ((performance.now() - startedAt) / 1000)

/** SHA-256 over 4 MiB pieces on one core, MB/s. */
export function sha256Rate(totalBytes: number): number {
  const piece = randomBytes(CHUNK)
  const startedAt = performance.now()
  let done = 0
  for (; done < totalBytes; done += CHUNK) createHash('sha256').update(piece).digest()
  return rate(done, startedAt)
}

/** Synced LevelDB writes of 4 MiB in slices of 256 KiB, keys in order of arrival, one process, MB/s. */
export async function levelRate(totalBytes: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'peerbin-bench-level-'))
  const db = new Level<Uint8Array, Uint8Array>(folder, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    compression: false,
    maxFileSize: 64 * 1024 * 1024
  })
  await db.open()
  const piece = randomBytes(CHUNK)
  const startedAt = performance.now()
  let sequence = 0n
  let done = 0
  for (; done < totalBytes; done += CHUNK) {
    const operations = []
    for (let at = 0; at < CHUNK; at += SLICE) {
      const key = Buffer.alloc(8)
      key.writeBigUInt64BE(sequence++)
      operations.push({ type: 'put' as const, key, value: piece.subarray(at, at + SLICE) })
    }
    await db.batch(operations, { sync: true })
  }
  const result = rate(done, startedAt)
  await db.close()
  await rm(folder, { recursive: true, force: true })
  return result
}

/** One stream of the peer network between two processes, nothing stored, MB/s. */
export async function streamRate(totalBytes: number): Promise<number> {
  const script = join(import.meta.dirname, 'stream-peer.ts')
  const receiver = fork(script, ['receive', String(totalBytes)])
  const received = once(receiver, 'exit')
  const [address] = (await once(receiver, 'message')) as [string]
  const sender = fork(script, ['send', String(totalBytes), address])
  const sent = once(sender, 'exit')
  const [seconds] = (await once(sender, 'message')) as [number]
  await Promise.all([received, sent])
  return totalBytes / MB / seconds
}

/** HTTP over the loopback interface between two processes, 64 downloads at once, nothing done with the bytes, MB/s. */
export async function loopbackRate(totalBytes: number): Promise<number> {
  const server = fork(join(import.meta.dirname, 'loopback-server.ts'))
  const exited = once(server, 'exit')
  const [port] = (await once(server, 'message')) as [number]
  const at64 = Math.ceil(totalBytes / 64)
  const startedAt = performance.now()
  const agent = new Agent({ keepAlive: true })
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        get({ port, agent, host: '127.0.0.1', path: `/${at64}` }, resolve).once('error', reject)
      })
      answer.resume()
      await once(answer, 'end')
    })
  )
  const result = rate(at64 * 64, startedAt)
  agent.destroy()
  server.kill()
  await exited
  return result
}

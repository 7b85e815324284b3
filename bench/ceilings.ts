/** What this machine could do at best, measured in the same run: the figures of the cluster are given as shares of these. */

import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { fork } from 'node:child_process'
import { once } from 'node:events'
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

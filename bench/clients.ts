/** Clients of the bench: uploads of unique bytes, downloads that are counted, many at once. */

import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Agent, request, type IncomingMessage } from 'node:http'
import { z } from 'zod'

const PIECE = 256 * 1024
const STAMP_EVERY = 4 * 1024 * 1024
const noise = randomBytes(STAMP_EVERY)
const agent = new Agent({ keepAlive: true, maxSockets: 4096 })
/** A thousand clients are a thousand connections; one that was kept from the uploads may end in the moment in which it is used again. */
const newConnections = new Agent({ keepAlive: false, maxSockets: 4096 })

const uploaded = z.object({ directUrl: z.string() })
const status = z.object({ chunksOwed: z.number() })

/** Bytes nobody has stored before, in pieces: equal chunks would be stored once and measure nothing. */
function* uniqueBytes(size: number): Generator<Uint8Array> {
  const stamp = Buffer.from(randomUUID())
  for (let at = 0; at < size; at += PIECE) {
    const offset = at % STAMP_EVERY
    const piece = noise.subarray(offset, offset + Math.min(PIECE, size - at))
    if (offset !== 0) {
      yield piece
      continue
    }
    const stamped = Buffer.from(piece)
    stamp.copy(stamped)
    stamped.writeUInt32BE(at / STAMP_EVERY, stamp.byteLength)
    yield stamped
  }
}

async function bodyOf(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = []
  for await (const piece of answer) pieces.push(piece as Buffer)
  return Buffer.concat(pieces).toString('utf8')
}

/** What was uploaded. */
export interface Uploaded {
  directUrl: string
  /** Of the bytes that were sent, hex. */
  sha256: string
}

/** Uploads `size` unique bytes; answers the direct link once it was acknowledged. */
export async function upload(url: string, size: number): Promise<string> {
  return (await uploadHashed(url, size, false)).directUrl
}

/** The same, with the digest of what was sent. @param hashes false: leaves it out, and spares its time */
export async function uploadHashed(url: string, size: number, hashes = true): Promise<Uploaded> {
  const hash = createHash('sha256')
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(`${url}/bench.bin`, {
      method: 'PUT',
      agent,
      headers: {
        'content-length': size,
        accept: 'application/json',
        'content-type': 'application/octet-stream'
      }
    })
    outgoing.once('response', resolve).once('error', reject)
    const pieces = uniqueBytes(size)
    const more = (): void => {
      for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
        if (hashes) hash.update(next.value)
        if (!outgoing.write(next.value)) {
          outgoing.once('drain', more)
          return
        }
      }
      outgoing.end()
    }
    more()
  })
  const text = await bodyOf(answer)
  if (answer.statusCode !== 201) throw new Error(`upload answered ${answer.statusCode}: ${text}`)
  const { directUrl } = uploaded.parse(JSON.parse(text))
  return { directUrl, sha256: hashes ? hash.digest('hex') : '' }
}

/** Redeems a link; the body is to be read. */
async function redeem(directUrl: string, connections = agent): Promise<IncomingMessage> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(directUrl, { agent: connections }).once('response', resolve).once('error', reject).end()
  })
  if (answer.statusCode !== 200)
    throw new Error(`download answered ${answer.statusCode}: ${await bodyOf(answer)}`)
  return answer
}

/** Redeems a link and counts its bytes. */
export async function download(directUrl: string): Promise<number> {
  let bytes = 0
  for await (const piece of await redeem(directUrl)) bytes += (piece as Buffer).byteLength
  return bytes
}

/** Redeems a link and answers the digest of what came, hex. */
export async function downloadHashed(directUrl: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of await redeem(directUrl, newConnections)) hash.update(piece as Buffer)
  return hash.digest('hex')
}

/** Waits until no copy is owed any more. */
export async function settled(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${url}/status`)
    if (status.parse(await answer.json()).chunksOwed === 0) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Runs `count` pieces of work, `clients` at once; answers how long each took, in ms. */
export async function inParallel(
  clients: number,
  count: number,
  work: (index: number) => Promise<void>
): Promise<number[]> {
  const times: number[] = []
  let next = 0
  const client = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const startedAt = performance.now()
      await work(index)
      times.push(performance.now() - startedAt)
    }
  }
  await Promise.all(Array.from({ length: Math.min(clients, count) }, client))
  return times
}

/** The value below which `share` of the times lie. */
export function percentile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

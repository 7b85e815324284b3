/** Steps that the tests of networks are made of. */

import type { Test } from 'tap'
import type { ByteStream, Network, StreamHandler } from '../../src/interfaces.ts'
import { FRAME_BYTES_MAX } from '../../src/protocol/limits.ts'
import type { Address, PeerId } from '../../src/types.ts'
import { until } from '../kit/until.ts'

/** Makes and starts so many members, and stops them when the test ends. */
export type Networks = (
  count: number,
  prepare?: (network: Network, index: number) => void
) => Promise<Network[]>
export type Define = (name: string, body: (t: Test, networks: Networks) => Promise<void>) => void

export const ECHO = '/conformance/echo/1'
export const HOLD = '/conformance/hold/1'
export const TOPIC = 'conformance/topic/1'

export const echo: StreamHandler = async (stream) => {
  for (let piece = await stream.read(); piece !== undefined; piece = await stream.read()) {
    await stream.write(piece)
  }
  await stream.closeWrite()
}

/** Reads nothing; a small write now and then shows whether the stream still lives. Rejects when it does not. */
export async function holdUntilReset(stream: ByteStream): Promise<void> {
  while (true) {
    await stream.write(Uint8Array.of(0))
    await pauseTurns()
  }
}

export function pair(networks: Network[]): [Network, Network] {
  const [a, b] = networks
  if (a === undefined || b === undefined) throw new Error('two networks are needed')
  return [a, b]
}

export function addressOf(network: Network): Address {
  const [address] = network.addresses()
  if (address === undefined) throw new Error('the network has no address')
  return address
}

/** Bytes that show any loss, repeat or swap. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(Math.imul(at + 1, 2_654_435_761) >>> 0, at)
  return bytes
}

export async function writeAndEnd(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  await stream.write(bytes)
  await stream.closeWrite()
}

export async function readToEnd(stream: ByteStream): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for (let piece = await stream.read(); piece !== undefined; piece = await stream.read()) {
    if (piece.byteLength === 0 || piece.byteLength > 4 * FRAME_BYTES_MAX)
      throw new Error('a piece of a wrong size')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

export async function openAndUse(from: Network, to: PeerId, address: Address): Promise<void> {
  await from.connect(address)
  const stream = await from.open(to, ECHO)
  await writeAndEnd(stream, Uint8Array.of(1))
  await readToEnd(stream)
}

export async function rejectsUnreachable(t: Test, promise: Promise<unknown>): Promise<void> {
  await t.rejects(promise, { code: 'peer-unreachable' })
}

/** Publishes until it was heard: gossip needs a moment to find its ways. */
export async function untilHeard(from: Network, heard: () => boolean): Promise<void> {
  await until('the message was heard', async () => {
    await from.publish(TOPIC, Uint8Array.of(2))
    await pauseTurns()
    return heard()
  })
}

/** Waits until a value has not changed for a while. */
export async function untilStill(value: () => number): Promise<void> {
  let last = value()
  let since = performance.now()
  await until('it came to rest', () => {
    if (value() !== last) {
      last = value()
      since = performance.now()
    }
    return last > 0 && performance.now() - since > 300
  })
}

/** Lets other things happen first; nothing is expected to have happened after it. */
export async function pauseTurns(): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, 20))
}

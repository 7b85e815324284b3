/** One end of the stream that bench/ceilings.ts measures: `receive BYTES`, or `send BYTES ADDRESS`. */

import { randomBytes } from 'node:crypto'
import { newIdentity } from '../src/network/identity.ts'
import { createLibp2pNetwork } from '../src/network/libp2p-network.ts'
import { silentLogger } from '../src/runtime/logger.ts'
import type { Address } from '../src/types.ts'

const PROTOCOL = '/peerbin-bench/stream/1'
const PIECE = 256 * 1024
const SECRET = new Uint8Array(32).fill(7)

const [mode, bytesText, address] = process.argv.slice(2)
const totalBytes = Number(bytesText)
const network = await createLibp2pNetwork({
  identity: await newIdentity(),
  clusterSecret: SECRET,
  listenHost: '127.0.0.1',
  listenPort: 0,
  announce: [],
  connectionsMax: 16,
  logger: silentLogger
})

if (mode === 'receive') {
  network.handle(PROTOCOL, async (stream) => {
    let got = 0
    for (let piece = await stream.read(); piece !== undefined; piece = await stream.read())
      got += piece.byteLength
    await stream.write(Uint8Array.of(got === totalBytes ? 1 : 0))
    await stream.closeWrite()
  })
  await network.start()
  process.send?.(network.addresses()[0])
  process.once('disconnect', () => process.exit(0))
  // the sender hangs up when it is done; the parent waits for this process to end
  const watch = setInterval(() => {
    if (seen && network.connected().length === 0) process.exit(0)
    seen ||= network.connected().length > 0
  }, 50)
  let seen = false
  void watch
} else {
  await network.start()
  const peer = await network.connect(address as Address)
  const stream = await network.open(peer, PROTOCOL)
  const piece = randomBytes(PIECE)
  const startedAt = performance.now()
  for (let sent = 0; sent < totalBytes; sent += PIECE) await stream.write(piece)
  await stream.closeWrite()
  const answer = await stream.read()
  if (answer?.[0] !== 1) throw new Error('the receiver counted other bytes')
  process.send?.((performance.now() - startedAt) / 1000)
  await network.stop()
  process.exit(0)
}

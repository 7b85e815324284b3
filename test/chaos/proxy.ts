/** A TCP proxy between clients and an edge that can cut every connection, hold all bytes back for a while, or damage an answer. */

import { connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  readonly url: string
  /** Resets every connection there is. @returns how many */
  cut(): number
  /** From now on nothing passes, in either direction, until it is called with false; connections stay open. */
  stall(on: boolean): void
  /** From now on answers come with one bit flipped, far behind their headers: what a check of bytes must find. */
  damage(on: boolean): void
  close(): Promise<void>
}

/** Headers are over by then. */
const DAMAGED_FROM_BYTES = 8192

export async function startProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; upstream: Socket }>()
  let stalled = false
  let damaging = false
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host)
    const pair = { client, upstream }
    pairs.add(pair)
    for (const socket of [client, upstream]) {
      socket.on('error', () => {}) // a side that broke: the other is closed with it
      socket.on('close', () => {
        pairs.delete(pair)
        client.destroy()
        upstream.destroy()
      })
    }
    let passed = 0
    upstream.on('data', (bytes) => {
      passed += bytes.byteLength
      if (damaging && passed > DAMAGED_FROM_BYTES) bytes[bytes.byteLength - 1] = (bytes.at(-1) ?? 0) ^ 1
      if (!client.write(bytes)) upstream.pause()
    })
    client.on('drain', () => {
      if (!stalled) upstream.resume()
    })
    upstream.on('end', () => client.end())
    client.pipe(upstream)
    if (stalled) hold(pair, true)
  })
  server.on('error', () => {}) // out of descriptors: clients see it
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    cut: () => {
      const count = pairs.size
      for (const { client, upstream } of pairs) {
        client.resetAndDestroy()
        upstream.resetAndDestroy()
      }
      return count
    },
    stall: (on) => {
      if (on === stalled) return // a pair that is piped twice would send every request twice
      stalled = on
      for (const pair of pairs) hold(pair, on)
    },
    damage: (on) => {
      damaging = on
    },
    close: async () => {
      for (const { client, upstream } of pairs) {
        client.destroy()
        upstream.destroy()
      }
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

function hold({ client, upstream }: { client: Socket; upstream: Socket }, on: boolean): void {
  if (on) {
    client.unpipe(upstream)
    client.pause()
    upstream.pause()
  } else {
    client.pipe(upstream)
    upstream.resume()
  }
}

/** A TCP line that keeps what a client says: to show what was never sent. It can be broken, again and again. */

import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'

export interface TappedLine {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  /** Everything that clients have sent so far. */
  said(): Buffer
  /** Cuts every connection once this many more bytes have come from clients, and lets nobody through from then on. */
  cutAfter(bytes: number): void
  /** Lets everybody through again. */
  restore(): void
  /** Connections that were cut. */
  readonly cuts: number
}

export async function tappedLine(t: Test, target: string): Promise<TappedLine> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const pieces: Buffer[] = []
  const state = { cuts: 0, left: Infinity, isDown: false }
  const server = createServer((client) => {
    if (state.isDown) return client.destroy()
    const edge = connect(Number(port), hostname)
    for (const socket of [client, edge]) {
      sockets.add(socket)
      socket.on('error', () => undefined) // a side that broke: the other goes with it
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        edge.destroy()
      })
    }
    client.on('data', (piece) => {
      pieces.push(piece)
      state.left -= piece.byteLength
      if (state.left > 0) {
        if (!edge.write(piece)) client.pause()
        return
      }
      state.left = Infinity
      state.isDown = true
      state.cuts++
      // the idle ones too: a browser would send the same once more on one of them, and nobody would notice
      for (const socket of sockets) socket.resetAndDestroy()
    })
    edge.on('drain', () => client.resume())
    edge.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const local = (server.address() as AddressInfo).port
  return {
    url: `http://127.0.0.1:${local}`,
    port: local,
    said: () => Buffer.concat(pieces),
    cutAfter: (bytes) => {
      state.left = bytes
    },
    restore: () => {
      state.isDown = false
    },
    get cuts() {
      return state.cuts
    }
  }
}

/** A line that breaks while something is sent: a TCP proxy that cuts its connections after so many bytes towards the server, one number for each, and then lets everything through. */

import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface UploadCutter {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Connections that were cut. */
  readonly cuts: number
  /** Hears each piece that is sent; what it answers goes on instead. */
  onSent: (piece: Buffer) => Buffer
}

/** @param after bytes of what one connection sends before it is cut; shorter ones pass. Closed with the test */
export async function uploadCutter(
  t: { teardown: (work: () => Promise<void>) => void },
  target: string,
  after: readonly number[]
): Promise<UploadCutter> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let cuts = 0
  const server = createServer((client) => {
    const edge = connect(Number(port), hostname)
    for (const socket of [client, edge]) {
      sockets.add(socket)
      socket.on('error', () => undefined) // a side that broke: the other is closed with it
      socket.on('close', () => sockets.delete(socket))
    }
    let passed = 0
    client.on('data', (piece) => {
      passed += piece.byteLength
      if (!edge.write(cutter.onSent(piece))) {
        client.pause()
        edge.once('drain', () => client.resume())
      }
      if (passed < (after[cuts] ?? Infinity)) return
      cuts++
      client.destroy()
      edge.destroySoon()
    })
    client.on('close', () => edge.destroySoon())
    edge.pipe(client)
    edge.on('close', () => client.destroySoon())
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const cutter: UploadCutter = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return cuts
    },
    onSent: (piece) => piece
  }
  return cutter
}

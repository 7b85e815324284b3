/** A TCP proxy that lets so many bytes of an answer through and then holds the rest back, until it is told to let go. */

import { connect, createServer, type Socket } from 'node:net'

export interface StallingProxy {
  readonly url: string
  /** From now on nothing is held back. */
  release(): void
  close(): Promise<void>
}

export async function stallingProxy(target: URL, throughBytes: number): Promise<StallingProxy> {
  const sockets = new Set<Socket>()
  let released = false
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    let passed = 0
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {}) // a side that broke: the other is closed with it
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    upstream.on('data', (bytes) => {
      client.write(bytes)
      passed += bytes.byteLength
      if (passed >= throughBytes && !released) upstream.pause()
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    release: () => {
      released = true
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

/**
 * A TCP proxy that can be shut: then every connection breaks, and new ones do too, until it is opened again.
 *
 *   const gate = await openGate(t, edges.url(0))
 *   gate.shut(); …; gate.open()
 */

import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface Gate {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  shut(): void
  open(): void
}

/** Closed with the test. */
export async function openGate(
  t: { teardown: (work: () => Promise<void>) => void },
  target: string
): Promise<Gate> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  let isShut = false
  const server = createServer((client) => {
    if (isShut) return client.destroy()
    const edge = connect(Number(port), hostname)
    for (const socket of [client, edge]) {
      sockets.add(socket)
      socket.on('error', () => undefined) // a side that broke: the other is closed with it
      socket.on('close', () => sockets.delete(socket))
    }
    client.pipe(edge)
    edge.pipe(client)
    client.on('close', () => edge.destroy())
    edge.on('close', () => client.destroySoon())
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const shut = (): void => {
    isShut = true
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(async () => {
    shut()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    shut,
    open: () => {
      isShut = false
    }
  }
}

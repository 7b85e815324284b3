/**
 * A line that breaks: a TCP proxy that cuts a connection after so many bytes of answers, so many times in all, and lets everything through from then on.
 *
 *   const line = await cuttingProxy(t, edges.url(0), { afterBytes: 3_000_000, cuts: 2, nextTarget: edges.url(1) })
 *   await fetch(line.url + path)        // breaks in the middle
 */

import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface Cuts {
  /** Bytes of answers that one connection passes on before it is cut, headers included; the piece that goes over is passed on up to there. */
  readonly afterBytes: number
  /** Count bytes of requests in place of answers. */
  readonly ofRequests?: boolean
  /** How often; 1 unless said otherwise. */
  readonly cuts?: number
  /** Where connections go once the first was cut; default: where they went before. */
  readonly nextTarget?: string
}

export interface CuttingProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Connections that were cut. */
  readonly cuts: number
  /** Connections that were opened. */
  readonly connections: number
  /** New connections go there. */
  aim(target: string): void
  close(): Promise<void>
}

export async function startCuttingProxy(target: string, options: Cuts): Promise<CuttingProxy> {
  const { afterBytes, cuts: cutsMax = 1, nextTarget, ofRequests = false } = options
  const sockets = new Set<Socket>()
  const state = { cuts: 0, connections: 0, target }
  const cut = (from: Socket, to: Socket): void => {
    state.cuts++
    if (nextTarget !== undefined) state.target = nextTarget
    from.destroy()
    // what was written is still sent, so that the other side gets exactly so many bytes; it sees that they are too few
    to.destroySoon()
  }
  const countedPipe = (from: Socket, to: Socket): void => {
    let passed = 0
    from.on('data', (piece) => {
      const isLast = passed + piece.byteLength > afterBytes && state.cuts < cutsMax
      const allowed = isLast ? piece.subarray(0, Math.max(0, afterBytes - passed)) : piece
      passed += allowed.byteLength
      if (!to.write(allowed) && !isLast) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      if (isLast) cut(from, to)
    })
  }
  const server = createServer((client) => {
    state.connections++
    const { hostname, port } = new URL(state.target)
    const edge = connect(Number(port), hostname)
    for (const socket of [client, edge]) {
      sockets.add(socket)
      socket.on('error', () => undefined) // a side that broke: the other is closed with it
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('close', () => edge.destroy())
    const [from, to] = ofRequests ? [client, edge] : [edge, client]
    countedPipe(from, to)
    to.pipe(from)
    edge.on('close', () => client.destroySoon())
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return state.cuts
    },
    get connections() {
      return state.connections
    },
    aim: (to) => {
      state.target = to
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

/** The same, closed with the test. */
export async function cuttingProxy(
  t: { teardown: (work: () => Promise<void>) => void },
  target: string,
  options: Cuts
): Promise<CuttingProxy> {
  const proxy = await startCuttingProxy(target, options)
  t.teardown(() => proxy.close())
  return proxy
}

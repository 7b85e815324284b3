/** A line with something wrong with it: a TCP proxy that cuts, holds back or changes what passes, in either direction. */

import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

export interface LineFaults {
  /** Cuts a connection that has sent so many bytes; one number for each cut, then everything passes. */
  readonly cutSentAfter?: readonly number[]
  /** Nothing listens any more once a connection was cut. */
  readonly endsWithCut?: boolean
  /** Of one connection; what is sent beyond waits for `release`. */
  readonly holdSentAfter?: number
  /** Of one connection; what is received beyond waits for `release`. */
  readonly holdReceivedAfter?: number
  /** Flips a bit of the first connection that receives so many bytes, there. */
  readonly flipReceivedAt?: number
}

export interface ChangingProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly cuts: number
  /** Over all connections. */
  readonly sentBytes: number
  readonly receivedBytes: number
  /** The beginning of each piece that was sent: requests and their headers are among them. */
  readonly sentText: string
  /** From now on nothing is held back. */
  release(): void
}

const TEXT_LENGTH = 200

/** Closed with the test. */
export async function changingProxy(
  t: { teardown: (work: () => Promise<void>) => void },
  target: string,
  faults: LineFaults
): Promise<ChangingProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const held = new Set<() => void>()
  const state = { cuts: 0, sentBytes: 0, receivedBytes: 0, sentText: '', isReleased: false, isFlipped: false }

  /** Passes pieces on as they may; `pass` gets what came before on this connection. */
  const pipe = (
    from: Socket,
    to: Socket,
    holdAfter: number | undefined,
    pass: (piece: Buffer, before: number) => void
  ): void => {
    let passed = 0
    from.on('data', (piece) => {
      pass(piece, passed)
      passed += piece.byteLength
      const mustHold = !state.isReleased && passed > (holdAfter ?? Infinity)
      if (!to.write(piece) || mustHold) from.pause()
      if (mustHold) held.add(() => from.resume())
      else if (from.isPaused()) to.once('drain', () => from.resume())
    })
    from.on('close', () => to.destroySoon())
  }

  const server = createServer((client) => {
    const edge = connect(Number(port), hostname)
    for (const socket of [client, edge]) {
      sockets.add(socket)
      socket.on('error', () => undefined) // a side that broke: the other is closed with it
      socket.on('close', () => sockets.delete(socket))
    }
    pipe(client, edge, faults.holdSentAfter, (piece, before) => {
      state.sentBytes += piece.byteLength
      state.sentText += piece.toString('latin1', 0, TEXT_LENGTH)
      const limit = faults.cutSentAfter?.[state.cuts] ?? Infinity
      if (before + piece.byteLength < limit || before >= limit) return
      state.cuts++
      client.destroy()
      if (faults.endsWithCut === true) server.close()
    })
    pipe(edge, client, faults.holdReceivedAfter, (piece, before) => {
      state.receivedBytes += piece.byteLength
      const at = (faults.flipReceivedAt ?? Infinity) - before
      if (state.isFlipped || at < 0 || at >= piece.byteLength) return
      state.isFlipped = true
      piece[at] = (piece[at] ?? 0) ^ 0x10
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get cuts() {
      return state.cuts
    },
    get sentBytes() {
      return state.sentBytes
    },
    get receivedBytes() {
      return state.receivedBytes
    },
    get sentText() {
      return state.sentText
    },
    release: () => {
      state.isReleased = true
      for (const resume of held) resume()
      held.clear()
    }
  }
}

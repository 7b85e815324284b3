/** What is sent over a socket: never more is waiting than a bound, however slowly the other side reads. */

import type { WebSocket } from 'ws'
import { abortable } from '../../runtime/deadline.ts'
import type { Clock } from '../../interfaces.ts'
import { StallWatch } from '../http/stall.ts'
import type { ServerMessage } from './messages.ts'

/** From here on nothing is pushed, and no question read: what is under way is answered still. */
const FULL_BYTES = 256 * 1024

export interface OutboxDeps {
  readonly socket: Pick<WebSocket, 'send' | 'bufferedAmount' | 'readyState' | 'OPEN'>
  readonly clock: Clock
  readonly stalledMs: number
  /** Nothing of what waits was taken for `stalledMs`. */
  readonly onStall: () => void
  /** Something was taken. */
  readonly onRoom: () => void
}

export class Outbox {
  readonly #deps: OutboxDeps
  readonly #watch: StallWatch
  readonly #waiting = new Set<() => void>()
  #pending = 0
  #stopped = false

  constructor(deps: OutboxDeps) {
    this.#deps = deps
    this.#watch = new StallWatch(deps.clock, deps.stalledMs, deps.onStall)
  }

  get isFull(): boolean {
    return this.#deps.socket.bufferedAmount > FULL_BYTES
  }

  send(message: ServerMessage): void {
    this.sendEncoded(JSON.stringify(message))
  }

  /** A message that is JSON already; its bytes may be shared with other sockets. */
  sendEncoded(message: string | Uint8Array): void {
    const { socket } = this.#deps
    if (socket.readyState !== socket.OPEN) return
    if (this.#pending++ === 0) this.#watch.wait()
    socket.send(message, { binary: false }, () => this.#taken())
  }

  /** Waits until something may be pushed. @throws the signal's reason */
  async room(signal: AbortSignal): Promise<void> {
    while (this.isFull) {
      let resume = (): void => {}
      const taken = new Promise<void>((resolve) => void (resume = resolve))
      this.#waiting.add(resume)
      try {
        await abortable(taken, signal)
      } finally {
        this.#waiting.delete(resume)
      }
    }
  }

  stop(): void {
    this.#stopped = true
    this.#watch.stop()
  }

  #taken(): void {
    if (this.#stopped) return
    if (--this.#pending === 0) this.#watch.moved()
    else this.#watch.wait()
    for (const resume of this.#waiting) resume()
    this.#deps.onRoom()
  }
}

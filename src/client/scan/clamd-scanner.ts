/**
 * ClamAV's daemon, fed over its socket: `zINSTREAM`, then pieces with their length in front (4 bytes, big endian), an empty one at the end; the answer is
 * `stream: OK`, `stream: NAME FOUND`, or something that ends in `ERROR`, with a NUL behind it (clamd(8)).
 */

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { PeerbinError } from '../../errors.ts'
import type { Clock, Timer } from '../../interfaces.ts'
import { abortable } from '../../runtime/deadline.ts'
import { signatureOf } from './scanner.ts'
import type { ScanSession, Scanner, Verdict } from './scanner.ts'

const ANSWER_BYTES_MAX = 4096
/**
 * clamd hangs up on a client that says nothing for a while (ReadTimeout), and we say nothing while a slow sender fills a chunk: the last bytes of each chunk are
 * held back, and go out one by one meanwhile.
 */
const HELD_BACK_BYTES = 256
const DRIP_MS = 10_000

/** `host:port`, `[::1]:3310`, or the path of a socket. @throws `config-invalid` */
export function clamdAddress(text: string): { path: string } | { host: string; port: number } {
  if (text.startsWith('/')) return { path: text }
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text)
  const host = match?.[1] ?? match?.[2]
  if (host === undefined)
    throw new PeerbinError('config-invalid', 'scan.clamd: host:port or the path of a socket is needed')
  return { host, port: Number(match?.[3]) }
}

export class ClamdScanner implements Scanner {
  readonly #address: ReturnType<typeof clamdAddress>
  readonly #clock: Clock

  constructor(address: string, clock: Clock) {
    this.#address = clamdAddress(address)
    this.#clock = clock
  }

  async open(signal: AbortSignal): Promise<ScanSession> {
    const socket = connect(this.#address)
    const connected = new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    try {
      await abortable(connected, signal)
    } catch (error) {
      socket.destroy()
      throw error
    }
    return new ClamdSession(socket, this.#clock)
  }
}

class ClamdSession implements ScanSession {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #answer: Promise<string>
  #heldBack: Uint8Array = new Uint8Array(0)
  #drip: Timer | undefined
  #isClosed = false

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    let text = ''
    this.#answer = new Promise((resolve) => {
      socket.on('data', (bytes: Buffer) => {
        if (text.length < ANSWER_BYTES_MAX) text += bytes.toString('latin1')
        if (text.includes('\0')) resolve(text)
      })
      socket.on('error', () => undefined) // `close` comes next
      socket.once('close', () => {
        this.#isClosed = true
        resolve(text)
      })
    })
    socket.write('zINSTREAM\0')
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#drip?.cancel()
    const keep = Math.min(HELD_BACK_BYTES, bytes.byteLength)
    const before = this.#heldBack
    // a copy: `slice` of a Buffer would be none, and others have the chunk's memory by the time it is sent
    this.#heldBack = new Uint8Array(bytes.subarray(bytes.byteLength - keep))
    await this.#send(before)
    await this.#send(bytes.subarray(0, bytes.byteLength - keep))
    this.#drip = this.#clock.setTimer(DRIP_MS, () => this.#dripOne(), { unref: true })
  }

  #dripOne(): void {
    if (this.#heldBack.byteLength <= 1) return
    const [first] = this.#heldBack
    this.#heldBack = this.#heldBack.subarray(1)
    void this.#send(Uint8Array.of(first ?? 0))
    this.#drip = this.#clock.setTimer(DRIP_MS, () => this.#dripOne(), { unref: true })
  }

  /** Resolves also when clamd has hung up: what it answered before says why. */
  async #send(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength === 0 || this.#isClosed) return
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.byteLength)
    this.#socket.write(length)
    await new Promise<void>((resolve) => {
      this.#socket.write(bytes, () => resolve())
    })
  }

  async end(): Promise<Verdict> {
    this.#drip?.cancel()
    await this.#send(this.#heldBack)
    if (!this.#isClosed) this.#socket.write(Buffer.alloc(4))
    const answer = (await this.#answer).split('\0')[0]?.trim() ?? ''
    this.abort()
    if (/^stream: OK$/.test(answer)) return { clean: true }
    const found = /^stream: (.+) FOUND$/.exec(answer)?.[1]
    if (found !== undefined) return { clean: false, signature: signatureOf(found) }
    throw new PeerbinError('scanner-unavailable', `clamd answered: ${signatureOf(answer) || 'nothing'}`)
  }

  abort(): void {
    this.#drip?.cancel()
    this.#socket.destroy()
  }
}

/** Clients of the tests beside fetch: curl, and raw sockets. */

import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'

export interface CurlResult {
  readonly code: number
  readonly stdout: Buffer
  readonly stderr: string
}

/** curl with `-sS` and a limit of time. @param input what it reads from standard input */
export async function curl(args: readonly string[], input?: Uint8Array): Promise<CurlResult> {
  const child = spawn('curl', ['-sS', '--max-time', '60', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes))
  child.stdin.on('error', () => undefined) // curl may end before it has read everything
  child.stdin.end(input ?? Buffer.alloc(0))
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }
}

/** A connection on which a test writes what it likes. */
export class RawClient implements Disposable {
  readonly socket: Socket
  readonly #pieces: Buffer[] = []
  #receivedBytes = 0
  /** Everything up to the empty line; undefined before that is there. */
  #head: string | undefined
  closed = false
  failure: Error | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => {
      this.#pieces.push(bytes)
      this.#receivedBytes += bytes.byteLength
      if (this.#head === undefined) {
        const text = Buffer.concat(this.#pieces).toString('latin1')
        const end = text.indexOf('\r\n\r\n')
        if (end >= 0) this.#head = text.slice(0, end + 4)
      }
    })
    socket.on('error', (error) => {
      this.failure = error
    })
    socket.on('close', () => {
      this.closed = true
    })
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Bytes behind the headers. */
  get bodyBytes(): number {
    return this.#head === undefined ? 0 : this.#receivedBytes - this.#head.length
  }

  get body(): Buffer {
    return this.#head === undefined
      ? Buffer.alloc(0)
      : Buffer.concat(this.#pieces).subarray(this.#head.length)
  }

  /** 0 before there is an answer. */
  get status(): number {
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.#head ?? '')?.[1] ?? 0)
  }

  header(name: string): string | undefined {
    return new RegExp(`^${name}: (.*)\r$`, 'im').exec(this.#head ?? '')?.[1]
  }

  write(text: string | Uint8Array): void {
    this.socket.write(text)
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

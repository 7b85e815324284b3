/** A client of the socket, as tests need one: it can keep the rules, and break each of them. */

import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import { until } from '../../kit/until.ts'

export type Message = Readonly<Record<string, unknown>> & { readonly type: string }

export interface Closed {
  readonly code: number
  readonly reason: string
}

export const frameOf = (channel: number, offset: number, bytes: Uint8Array, version = 1): Buffer => {
  const frame = Buffer.alloc(13 + bytes.byteLength)
  frame.writeUInt8(version, 0)
  frame.writeUInt32BE(channel, 1)
  frame.writeBigUInt64BE(BigInt(offset), 5)
  frame.set(bytes, 13)
  return frame
}

export class SocketClient {
  readonly socket: WebSocket
  readonly messages: Message[] = []
  closed: Closed | undefined
  #ids = 0

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer) => void this.messages.push(JSON.parse(data.toString()) as Message))
    socket.on('error', () => undefined)
    socket.on('close', (code, reason) => void (this.closed = { code, reason: reason.toString() }))
  }

  /** Opens a socket, and says nothing yet. */
  static async open(url: string, options: ClientOptions = {}): Promise<SocketClient> {
    const client = new SocketClient(new WebSocket(`${url.replace('http', 'ws')}/ws`, 'peerbin.v1', options))
    await once(client.socket, 'open')
    return client
  }

  /** Opens one and connects. */
  static async connect(
    url: string,
    token: string,
    fields: Record<string, unknown> = {}
  ): Promise<SocketClient> {
    const client = await SocketClient.open(url)
    const answer = await client.ask({ type: 'connect', token, ...fields })
    if (answer.type !== 'connected') throw new Error(`connect was answered ${JSON.stringify(answer)}`)
    return client
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message))
  }

  /** Sends a message with an id, and answers what refers to it. */
  async ask(message: object): Promise<Message> {
    const id = `m${++this.#ids}`
    this.send({ id, ...message })
    return await this.find(({ re }) => re === id)
  }

  async find(matches: (message: Message) => boolean): Promise<Message> {
    let found: Message | undefined
    await until('a message comes', () => {
      found = this.messages.find(matches)
      if (found === undefined && this.closed !== undefined) {
        const last = JSON.stringify(this.messages.at(-1))
        throw new Error(`closed ${this.closed.code} ${this.closed.reason}; the last message is ${last}`)
      }
      return found !== undefined
    })
    return found ?? { type: 'none' }
  }

  /** Sends bytes of a file from an offset to its end in frames. */
  write(channel: number, bytes: Uint8Array, offset = 0, frameBytes = 100_000): void {
    for (let at = offset; at < bytes.byteLength; at += frameBytes)
      this.socket.send(frameOf(channel, at, bytes.subarray(at, at + frameBytes)))
  }

  /** The greatest offset that was acknowledged. */
  acknowledged(channel: number): number {
    const acks = this.messages.filter((message) => message.type === 'ack' && message['channel'] === channel)
    return Math.max(0, ...acks.map(({ offset }) => Number(offset)))
  }

  /** At once when so much is acknowledged: `until` would look a moment later. */
  async acknowledges(channel: number, offset: number): Promise<void> {
    while (this.acknowledged(channel) < offset) await once(this.socket, 'message')
  }

  async end(): Promise<Closed> {
    await until('the socket closes', () => this.closed !== undefined)
    return this.closed ?? { code: 0, reason: '' }
  }

  /** As a machine that loses its power: no word of goodbye. */
  cut(): void {
    this.socket.terminate()
  }
}

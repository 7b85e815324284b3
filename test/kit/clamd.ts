/** A daemon that speaks clamd's INSTREAM, finds one signature, and can be told to misbehave. */

import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { once } from 'node:events'

/** The test file of the anti-virus industry (eicar.org), in two parts: this file should not be found itself. */
export const EICAR = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!$H+H*'].join('')

export type ClamdMood =
  | 'well'
  /** Takes everything and never says a word. */
  | 'silent'
  /** Accepts connections and reads nothing. */
  | 'deaf'
  /** Hangs up in the middle. */
  | 'cut'

export interface TestClamd {
  readonly address: string
  mood: ClamdMood
  /** As StreamMaxLength of clamd.conf. */
  streamBytesMax: number
  /** Pause before each verdict. */
  verdictMs: number
  /** Sessions without a verdict: now, and at most at once; and all whose connection has ended. */
  readonly sessions: { now: number; peak: number; ended: number }
  close(): Promise<void>
}

const COMMAND = 'zINSTREAM\0'

/** @param listen port 0 on the loopback interface, or the path of a socket */
export async function startClamd(listen: { path: string } | { port: number }): Promise<TestClamd> {
  const sockets = new Set<Socket>()
  const sessions = { now: 0, peak: 0, ended: 0 }
  const clamd = { mood: 'well' as ClamdMood, streamBytesMax: 25_000_000, verdictMs: 0 }
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    sessions.now++
    let isOver = false
    const over = (): void => {
      if (!isOver) sessions.now--
      isOver = true
    }
    sessions.peak = Math.max(sessions.peak, sessions.now)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sockets.delete(socket)
      over()
      sessions.ended++
    })
    if (clamd.mood === 'deaf') return socket.pause()
    serve(socket, clamd, over)
  })
  server.listen('path' in listen ? listen.path : { port: listen.port, host: '127.0.0.1' })
  await once(server, 'listening')
  const bound = server.address()
  const address = typeof bound === 'string' ? bound : `127.0.0.1:${bound?.port ?? 0}`
  return Object.assign(clamd, {
    address,
    sessions,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    }
  })
}

function serve(
  socket: Socket,
  clamd: Pick<TestClamd, 'mood' | 'streamBytesMax' | 'verdictMs'>,
  over: () => void
): void {
  let waiting = Buffer.alloc(0)
  let isStreaming = false
  let streamed = 0
  let tail = ''
  let found = false
  const answer = (text: string): void => {
    if (clamd.mood === 'silent') return
    setTimeout(() => {
      over()
      socket.end(`${text}\0`)
    }, clamd.verdictMs)
  }
  const step = (): boolean => {
    if (!isStreaming) {
      if (waiting.length < COMMAND.length) return false
      if (!waiting.toString('latin1').startsWith(COMMAND)) return (answer('UNKNOWN COMMAND'), false)
      isStreaming = true
      waiting = waiting.subarray(COMMAND.length)
    }
    if (waiting.length < 4) return false
    const length = waiting.readUInt32BE(0)
    if (length === 0) return (answer(found ? 'stream: Eicar-Signature FOUND' : 'stream: OK'), false)
    if (waiting.length < 4 + length) return false
    const data = waiting.subarray(4, 4 + length).toString('latin1')
    found ||= (tail + data).includes(EICAR)
    tail = (tail + data).slice(-EICAR.length)
    streamed += length
    waiting = waiting.subarray(4 + length)
    if (streamed > clamd.streamBytesMax) return (answer('INSTREAM size limit exceeded. ERROR'), false)
    return true
  }
  socket.on('data', (bytes: Buffer) => {
    if (clamd.mood === 'cut') return socket.destroy()
    waiting = Buffer.concat([waiting, bytes])
    while (step()) continue
  })
}

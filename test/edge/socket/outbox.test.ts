/** What is sent over a socket is bounded, whoever reads it or does not. */

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { Outbox } from '../../../src/edge/socket/outbox.ts'
import { PeerbinError } from '../../../src/errors.ts'
import { systemClock } from '../../../src/runtime/clock.ts'
import { until } from '../../kit/until.ts'

t.test('whoever does not read is waited for, and not for ever', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = new WebSocket(`ws://127.0.0.1:${port}`)
  const [socket] = (await once(server, 'connection')) as [WebSocket]
  await once(client, 'open')
  t.teardown(() => {
    client.terminate()
    server.close()
  })
  let stalls = 0
  const outbox = new Outbox({
    socket,
    clock: systemClock,
    stalledMs: 300,
    onStall: () => void stalls++,
    onRoom: () => undefined
  })
  const stop = new AbortController()
  const push = async (): Promise<void> => {
    for (;;) {
      await outbox.room(stop.signal)
      outbox.send({ type: 'alive', now: 'x'.repeat(50_000) })
      await new Promise((resolve) => void setImmediate(resolve))
    }
  }
  client.pause()
  const pushing = push()
  await until('nobody takes anything for a while', () => stalls > 0)
  t.ok(outbox.isFull)
  t.ok(socket.bufferedAmount < 400_000, `${socket.bufferedAmount} bytes wait`)
  stop.abort(new PeerbinError('aborted'))
  await t.rejects(pushing, { code: 'aborted' })
  client.resume()
  await outbox.room(new AbortController().signal)
  const before = stalls
  await until('all is taken', () => socket.bufferedAmount === 0)
  t.equal(stalls, before)
  outbox.stop()
})

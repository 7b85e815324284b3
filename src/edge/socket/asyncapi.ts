/** How /asyncapi.json is made from the schemas of the messages. */

import { z } from 'zod'
import * as messages from './messages.ts'
import { SOCKET_PATH } from './upgrade.ts'

interface Named {
  readonly name: string
  readonly schema: z.ZodType
}

const named = (schemas: Readonly<Record<string, z.ZodType>>): readonly Named[] =>
  Object.entries(schemas).map(([name, schema]) => ({ name, schema }))

/** What clients send, but for write-chunk, which is no JSON. */
const RECEIVED = named({
  connect: messages.connect,
  'start-transfer': messages.startTransfer,
  'complete-upload': messages.completeUpload,
  'abort-transfer': messages.abortTransfer,
  'get-history': messages.getHistory,
  subscribe: messages.subscribe,
  unsubscribe: messages.unsubscribe,
  alive: messages.alive
})
const SENT = named({
  connected: messages.connected,
  transfer: messages.transfer,
  ack: messages.ack,
  completed: messages.completed,
  aborted: messages.aborted,
  history: messages.history,
  'alive-answer': messages.aliveAnswer,
  subscribed: messages.subscribed,
  unsubscribed: messages.unsubscribed,
  event: messages.event,
  cursor: messages.cursorMoved,
  error: messages.error
})

/** Which answers a message gets; all of them may be answered with an error. */
const ANSWERS: Readonly<Record<string, string>> = {
  connect: 'connected',
  'start-transfer': 'transfer',
  'complete-upload': 'completed',
  'abort-transfer': 'aborted',
  'get-history': 'history',
  subscribe: 'subscribed',
  unsubscribe: 'unsubscribed',
  alive: 'alive-answer'
}

const ref = (text: string) => ({ $ref: text })
const CHANNEL = '#/channels/socket'
const ofChannel = (name: string) => ref(`${CHANNEL}/messages/${name}`)

const messageOf = ({ name, schema }: Named) => {
  // AsyncAPI's own format of schemas is made of draft 7; the dialect is not repeated in each
  const {
    $schema: _dialect,
    description,
    ...payload
  } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' })
  return {
    name,
    contentType: 'application/json',
    ...(description !== undefined && { summary: description }),
    payload
  }
}

const WRITE_CHUNK = {
  name: 'write-chunk',
  contentType: 'application/octet-stream',
  summary: 'Bytes of a file: the one message in binary frames.',
  description:
    'Version (u8, 1), channel (u32), offset of the first byte in the file (u64), all big endian; then 1 to chunk_bytes_max bytes. Answered by `ack` when they are durable, which may be for many at once.',
  payload: { type: 'string', format: 'binary' }
}

/** @param origin of the edge: `https://files.example` */
export function asyncapiDocument(version: string, origin: string): object {
  const { host, protocol } = new URL(origin)
  const all = [...RECEIVED, ...SENT]
  const requests = RECEIVED.map(({ name }): [string, object] => [
    `receive-${name}`,
    {
      action: 'receive',
      channel: ref(CHANNEL),
      messages: [ofChannel(name)],
      reply: {
        channel: ref(CHANNEL),
        messages: [ofChannel(ANSWERS[name] ?? 'error'), ofChannel('error')]
      }
    }
  ])
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'peerbin',
      version,
      description:
        'Files over one connection, and events as they happen. docs/socket.md explains the order of messages; docs/errors.md lists the codes of errors.'
    },
    defaultContentType: 'application/json',
    servers: { edge: { host, protocol: protocol === 'https:' ? 'wss' : 'ws' } },
    channels: {
      socket: {
        address: SOCKET_PATH,
        description: `A WebSocket of the subprotocol ${messages.SUBPROTOCOL}`,
        messages: Object.fromEntries(
          [...all.map(({ name }) => name), WRITE_CHUNK.name].map((name) => [
            name,
            ref(`#/components/messages/${name}`)
          ])
        )
      }
    },
    operations: {
      ...Object.fromEntries(requests),
      'receive-write-chunk': {
        action: 'receive',
        channel: ref(CHANNEL),
        messages: [ofChannel(WRITE_CHUNK.name)],
        reply: { channel: ref(CHANNEL), messages: [ofChannel('ack'), ofChannel('error')] }
      },
      'send-events': {
        action: 'send',
        channel: ref(CHANNEL),
        messages: [ofChannel('event'), ofChannel('cursor'), ofChannel('unsubscribed')]
      }
    },
    components: {
      messages: Object.fromEntries<object>([
        ...all.map((each): [string, object] => [each.name, messageOf(each)]),
        [WRITE_CHUNK.name, WRITE_CHUNK]
      ])
    }
  }
}

/** The description of the socket's messages is a valid AsyncAPI document, and says what the schemas say. */

import specs from '@asyncapi/specs'
import { Ajv } from 'ajv'
import type { AnySchemaObject } from 'ajv'
import t from 'tap'
import { asyncapiDocument } from '../../../src/edge/socket/asyncapi.ts'
import { clientMessage, serverMessage } from '../../../src/edge/socket/messages.ts'

interface Document {
  channels: { socket: { messages: Record<string, unknown> } }
  components: { messages: Record<string, { payload: Record<string, unknown>; summary: string }> }
  operations: Record<string, { messages: Array<{ $ref: string }>; reply?: { messages: unknown[] } }>
}

const document = asyncapiDocument('1.2.3', 'https://files.example:8443') as Document

t.test('it is what AsyncAPI 3 asks for', async (t) => {
  // the schema brings draft 7 along by itself
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, validateFormats: false })
  const schema = specs.schemas['3.0.0'] as AnySchemaObject
  const isValid = ajv.validate(schema, document)
  t.ok(isValid, ajv.errorsText())
  const { components: _components, ...broken } = document
  t.notOk(ajv.validate(schema, { ...broken, channels: { socket: { adress: '/ws' } } }))
  t.match(document, {
    info: { version: '1.2.3' },
    servers: { edge: { host: 'files.example:8443', protocol: 'wss' } },
    channels: { socket: { address: '/ws' } }
  })
})

t.test('every message is in it, each with a schema that holds', async (t) => {
  const types = (of: typeof clientMessage | typeof serverMessage) =>
    of.options.map((option) => [...option.shape.type.values][0])
  const all = [...types(clientMessage), ...types(serverMessage), 'write-chunk']
  const named = Object.keys(document.components.messages)
  t.same(
    named.map((name) => name.replace('-answer', '')).toSorted(),
    all.map(String).toSorted(),
    'alive is asked and answered'
  )
  t.same(Object.keys(document.channels.socket.messages).toSorted(), named.toSorted())
  const ajv = new Ajv({ strict: false, validateFormats: false })
  const checks = (name: string, value: unknown) =>
    ajv.validate(document.components.messages[name]?.payload ?? false, value)
  for (const [name, { summary }] of Object.entries(document.components.messages)) t.ok(summary, name)
  t.ok(checks('start-transfer', { type: 'start-transfer', id: '1', path: 'a', size: 1 }))
  t.notOk(checks('start-transfer', { type: 'start-transfer', id: '1', path: 'a', size: 1, colour: 'red' }))
  t.notOk(checks('complete-upload', { type: 'complete-upload', id: '1' }))
  t.ok(checks('ack', { type: 'ack', channel: 1, offset: 4096 }))
})

t.test('what is referred to is there', async (t) => {
  const refs = JSON.stringify(document).match(/"#\/[^"]+"/g) ?? []
  t.ok(refs.length > 40)
  for (const text of new Set(refs)) {
    let at: unknown = document
    for (const part of text.slice(3, -1).split('/'))
      at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[part] : undefined
    t.not(at, undefined, text)
  }
})

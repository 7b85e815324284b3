/** docs/protocol.md says what the code does. */

import { readFileSync } from 'node:fs'
import t from 'tap'
import { LENGTH_BYTES_MAX, ERROR_TEXT_MAX } from '../../src/protocol/codec.ts'
import * as limits from '../../src/protocol/limits.ts'
import { chunkMessages, controlMessages, heartbeat } from '../../src/protocol/messages.ts'
import type { MessageTable } from '../../src/protocol/messages.ts'
import { chunkPolicy, controlPolicy } from '../../src/protocol/policy.ts'
import { SERVE_LIMITS } from '../../src/protocol/rpc-server.ts'
import type { Role } from '../../src/types.ts'

const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
/** Cells of the table row that begins with this message or field. */
const rowOf = (name: string, section: string): string[] | undefined =>
  text
    .slice(text.indexOf(section))
    .split('\n')
    .find((line) => line.startsWith(`| \`${name}\` |`))
    ?.split('|')
    .map((cell) => cell.trim())

const protocols: Array<[string, MessageTable, Record<string, readonly Role[]>, string]> = [
  ['chunk', chunkMessages, chunkPolicy, `## Chunk protocol \`${limits.CHUNK_PROTOCOL}\``],
  ['control', controlMessages, controlPolicy, `## Control protocol \`${limits.CONTROL_PROTOCOL}\``]
]

t.test('every message stands in the document, with who may send it and its fields', async (t) => {
  for (const [protocol, table, policy, section] of protocols) {
    t.ok(text.includes(section), `${protocol} has a section`)
    for (const [op, spec] of Object.entries(table)) {
      const row = rowOf(op, section)
      t.ok(row, `${protocol}: ${op} has a row`)
      t.equal(row?.[2], policy[op]?.join(', '), `${op}: who may send it`)
      for (const field of fieldsOf(spec.request))
        t.match(row?.[3], new RegExp(`\\b${field}\\b`), `${op}: ${field}`)
      t.equal(row?.[5]?.startsWith('request') === true, spec.requestBody, `${op}: body of the request`)
      t.equal(row?.[5]?.startsWith('answer') === true, spec.responseBody, `${op}: body of the answer`)
    }
  }
})

t.test('every message has a policy, and nothing else has', async (t) => {
  for (const [protocol, table, policy] of protocols) {
    t.same(Object.keys(policy).toSorted(), Object.keys(table).toSorted(), protocol)
    for (const roles of Object.values(policy)) t.ok(roles.length > 0)
  }
})

t.test('every field of the heartbeat stands in the document', async (t) => {
  const section = text.slice(text.indexOf('## Heartbeat'))
  t.ok(section.includes(limits.HEARTBEAT_TOPIC))
  for (const field of Object.keys(heartbeat.shape)) t.ok(section.includes(`\`${field}\``), field)
})

t.test('the numbers in the document are those of the code', async (t) => {
  const says = (what: string): boolean => t.ok(text.replaceAll(/\s+/g, ' ').includes(what), what)
  says(`${limits.HEADER_BYTES_MAX} bytes (\`HEADER_BYTES_MAX\`)`)
  says(`${limits.CHUNK_BYTES_MAX} (\`CHUNK_BYTES_MAX\`)`)
  says(`${limits.FRAME_BYTES_MAX} bytes (\`FRAME_BYTES_MAX\`)`)
  says(`${limits.HEARTBEAT_BYTES_MAX} bytes (\`HEARTBEAT_BYTES_MAX\`)`)
  says(`${limits.STREAMS_PER_PEER_MAX} streams (\`STREAMS_PER_PEER_MAX\`)`)
  says(`${limits.CHUNKS_PER_PAGE_MAX} entries (\`CHUNKS_PER_PAGE_MAX\`)`)
  says(`ranges of a claim at most ${limits.CLAIM_RANGES_MAX}`)
  says(`at most ${LENGTH_BYTES_MAX} bytes), then`)
  says(`at most ${ERROR_TEXT_MAX} characters`)
  const { idleMs, bodyMs, answerMs } = SERVE_LIMITS
  says(
    `no complete header for ${idleMs / 1000} s, body not there after ${bodyMs / 1000} s, answer not taken after ${answerMs / 1000} s`
  )
})

/** Names of the top-level fields of a message. */
function fieldsOf(schema: object): string[] {
  return 'shape' in schema && typeof schema.shape === 'object' && schema.shape !== null
    ? Object.keys(schema.shape)
    : []
}

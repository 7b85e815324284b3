import { createServer } from 'node:http'
import t from 'tap'
import { fastify } from 'fastify'
import { parseConfig } from '../src/config.ts'
import { limitConnections } from '../src/edge/limits/connections.ts'

t.test(
  'what is no address or network is no trusted proxy, and it says so before anything starts',
  async (t) => {
    for (const text of [
      'loopback',
      'linklocal',
      'uniquelocal',
      '10.0.0.5',
      '10.0.0.0/8',
      '::1',
      'fd00::/8',
      '::ffff:10.0.0.5'
    ]) {
      const { edge } = parseConfig({ edge: { trustedProxies: [text] } })
      t.doesNotThrow(() => limitConnections(createServer(), edge, false), text)
      t.doesNotThrow(() => fastify({ trustProxy: edge.trustedProxies }), text)
    }
    for (const text of [
      '',
      'proxy.example.org',
      '10.0.0.5 ',
      '10.0.0.0/33',
      '10.0.0.0/255.0.0.0',
      '10.0.0.0/8/8',
      '0.0.0.0/0',
      'fd00::/129'
    ])
      t.throws(() => parseConfig({ edge: { trustedProxies: [text] } }), { code: 'config-invalid' }, text)
  }
)

t.test('a forbidden type that could never match is a mistake', async (t) => {
  for (const text of ['video/mp4', 'video/*', 'Application/X-MSDownload', '.exe', '.tar.gz', ' .exe'])
    t.doesNotThrow(() => parseConfig({ edge: { forbiddenTypes: [text] } }), text)
  for (const text of ['', 'exe', '*', '*.exe', 'video', 'video/', '*/mp4x/y', '.'])
    t.throws(() => parseConfig({ edge: { forbiddenTypes: [text] } }), { code: 'config-invalid' }, text)
})

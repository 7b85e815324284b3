/** What docs/webhooks.md gives to receivers to copy, as it stands there, against what an edge signs. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { newWebhookSecret, signatureHeaders } from '../../src/edge/webhooks/signature.ts'
import { systemRandom } from '../../src/runtime/random.ts'

const page = readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8')

/** CI has it. */
const withoutPython =
  spawnSync('python3', ['--version']).status === 0 || process.env['CI'] !== undefined
    ? false
    : 'python3 is not installed: its example is not run'

/** The block of code behind these words. */
function codeBehind(words: string): string {
  const [, behind = ''] = page.split(`${words}\n\n`)
  const lines = behind.split('\n')
  const end = lines.findIndex((line) => line !== '' && !line.startsWith('    '))
  return lines
    .slice(0, end)
    .map((line) => line.slice(4))
    .join('\n')
}

const body = '{"type":"file.added","data":{"path":"Grüße 🙂"}}'
const [old, next, other] = [1, 2, 3].map(() => newWebhookSecret(systemRandom)) as [string, string, string]
const headersAt = (at: number) => signatureHeaders([next, old], { id: 'an id', at, body })
const now = Date.now()
const HOUR_MS = 60 * 60 * 1000
/** What comes with it, and whether that is an event. */
const cases: Array<{ secret: string; headers: Record<string, string>; body: string; isGood: boolean }> = [
  { secret: next, headers: headersAt(now), body, isGood: true },
  { secret: old, headers: headersAt(now), body, isGood: true },
  { secret: other, headers: headersAt(now), body, isGood: false },
  { secret: next, headers: headersAt(now), body: `${body} `, isGood: false },
  { secret: next, headers: { ...headersAt(now), 'webhook-id': 'another' }, body, isGood: false },
  { secret: next, headers: { ...headersAt(now), 'webhook-signature': 'v1,' }, body, isGood: false },
  { secret: next, headers: { ...headersAt(now), 'webhook-timestamp': 'x' }, body, isGood: false },
  { secret: next, headers: headersAt(now - HOUR_MS), body, isGood: false },
  { secret: next, headers: headersAt(now + HOUR_MS), body, isGood: false }
]
const expected = cases.map(({ isGood }) => (isGood ? JSON.parse(body) : null) as unknown)

t.test('in Node', async (t) => {
  const code = Buffer.from(codeBehind('In Node:')).toString('base64')
  const { verify } = (await import(`data:text/javascript;base64,${code}`)) as {
    verify: (secret: string, headers: object, body: Buffer) => unknown
  }
  const found = cases.map(({ secret, headers, body: bytes }) => {
    try {
      return verify(secret, headers, Buffer.from(bytes))
    } catch {
      return null
    }
  })
  t.same(found, expected)
})

t.test('in Python', { skip: withoutPython }, async (t) => {
  const program = `${codeBehind('and in Python:')}
import sys
def tried(case):
    try:
        return verify(case["secret"], case["headers"], case["body"].encode())
    except ValueError:
        return None
print(json.dumps([tried(case) for case in json.load(sys.stdin)]))`
  const { stdout, stderr } = spawnSync('python3', ['-c', program], {
    input: JSON.stringify(cases),
    encoding: 'utf8'
  })
  t.equal(stderr, '')
  t.same(JSON.parse(stdout), expected)
})

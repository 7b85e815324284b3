import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { newWebhookSecret, signatureHeaders } from '../../../src/edge/webhooks/signature.ts'
import { systemRandom } from '../../../src/runtime/random.ts'

t.test('what is signed is verified by the package of the scheme, with either of two secrets', async (t) => {
  const [old, next, other] = [1, 2, 3].map(() => newWebhookSecret(systemRandom)) as [string, string, string]
  t.match(next, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const body = '{"type":"file.added","data":{"path":"Grüße 🙂"}}'
  const headers = signatureHeaders([next, old], { id: 'an id', at: Date.now(), body })
  for (const secret of [old, next]) t.same(new Webhook(secret).verify(body, headers), JSON.parse(body))
  t.throws(() => new Webhook(other).verify(body, headers))
  t.throws(() => new Webhook(next).verify(`${body} `, headers))
  t.throws(() => new Webhook(next).verify(body, { ...headers, 'webhook-id': 'another id' }))
})

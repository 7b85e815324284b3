import t from 'tap'
import { decodeJoin, encodeJoin } from '../../src/cluster/join-string.ts'
import type { Address } from '../../src/types.ts'

const info = {
  clusterName: 'lab',
  secret: Uint8Array.from({ length: 32 }, (_, index) => index),
  addresses: ['/ip4/10.0.0.7/tcp/4811/p2p/12D3KooWA' as Address]
}
const GOLDEN =
  'peerbin1_o2FhgXgkL2lwNC8xMC4wLjAuNy90Y3AvNDgxMS9wMnAvMTJEM0tvb1dBYW5jbGFiYXNYIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fq4qhkw'

const invalid = (message: RegExp): { code: string; message: RegExp } => ({
  code: 'join-string-invalid',
  message
})

t.test('what went in comes out, also pasted over several lines', async (t) => {
  const text = encodeJoin(info)
  t.match(text, /^peerbin1_[A-Za-z0-9_-]+$/)
  t.equal(text, GOLDEN, 'the bytes are pinned: old join strings must work')
  t.same(decodeJoin(text), info)
  t.same(decodeJoin(`  ${text.slice(0, 40)}\n  ${text.slice(40)}\n`), info)
  t.same(decodeJoin(encodeJoin({ ...info, addresses: [], clusterName: '' })).addresses, [])
})

t.test('any change of a character is found', async (t) => {
  const text = encodeJoin(info)
  for (let at = 'peerbin1_'.length; at < text.length; at++) {
    const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
    t.throws(() => decodeJoin(changed), { code: 'join-string-invalid' })
  }
})

t.test('it says what is wrong, without repeating the secret', async (t) => {
  const text = encodeJoin(info)
  t.throws(() => decodeJoin(''), invalid(/begins with peerbin1_/))
  t.throws(() => decodeJoin('hello'), invalid(/begins with peerbin1_/))
  t.throws(() => decodeJoin('peerbin2_abc'), invalid(/another version/))
  t.throws(() => decodeJoin('peerbin1_'), invalid(/damaged/))
  t.throws(() => decodeJoin(text.slice(0, -3)), invalid(/damaged/))
  t.throws(() => decodeJoin(`${text}!`), invalid(/characters/))
  t.throws(() => decodeJoin(`peerbin1_${'A'.repeat(20_000)}`), invalid(/too long/))
  t.throws(() => encodeJoin({ ...info, secret: new Uint8Array(31) }), invalid(/32 bytes/))
})

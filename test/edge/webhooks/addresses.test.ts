import t from 'tap'
import { addressCheck } from '../../../src/edge/webhooks/addresses.ts'
import { cleanTarget } from '../../../src/edge/webhooks/target.ts'

const wordsOf = (text: string): string[] => text.trim().split(/\s+/)

const NOWHERE = [
  ...wordsOf(`
  0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.127.255.255 127.0.0.1 127.255.0.3 169.254.169.254 172.16.0.1
  172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7
  203.0.113.7 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::7f00:1
  ::ffff:127.0.0.1 ::ffff:7f00:1 ::FFFF:10.0.0.1 ::ffff:169.254.169.254 0:0:0:0:0:ffff:a00:1
  ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::a00:1 100::1 2001::1 2001:10::1
  2001:20::1 2001:db8::1 2002:7f00:1:: 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fe80::1%eth0
  fec0::1 ff02::1 4000::1 localhost example.org 127.1 1.2.3
`),
  ''
]
const PUBLIC = wordsOf(`
  1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 192.167.0.1 198.17.0.1
  223.255.255.255 ::ffff:8.8.8.8 ::ffff:808:808 2606:4700::1111 2a00:1450:4001::200e
  2001:4860:4860::8888 2400::1
`)

t.test('only public addresses are reached, in whatever form they are written', async (t) => {
  const check = addressCheck([])
  for (const address of NOWHERE) t.equal(check(address), 'refused', address)
  for (const address of PUBLIC) t.equal(check(address), 'public', address)
})

t.test('what is allowed is reached, and its neighbours are not', async (t) => {
  const check = addressCheck(['10.1.2.0/24', '127.0.0.1', 'fd00::/8', '::1'])
  for (const address of ['10.1.2.3', '127.0.0.1', '::ffff:127.0.0.1', '::ffff:a01:203', 'fd01::7', '::1'])
    t.equal(check(address), 'allowed', address)
  for (const address of ['10.1.3.3', '127.0.0.2', 'fc00::1', '::2', '64:ff9b::a01:203'])
    t.equal(check(address), 'refused', address)
})

t.test('an address that will never do is refused when it is given', async (t) => {
  const rules = { check: addressCheck([]), insecure: false, hasAllowed: false }
  for (const url of [
    'http://127.0.0.1/',
    'https://127.0.0.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://[::1]/',

    'https://[::ffff:127.0.0.1]/',
    'https://localhost/',
    'https://a.localhost./',
    'https://017700000001/',

    'ftp://example.org/',
    'file:///etc/passwd',
    'javascript:1',
    'https://',
    'example.org',
    '',
    'https://1.2.3.4.5',
    'https://user@example.org/',
    'https://u:p@example.org/',
    `https://example.org/${'x'.repeat(2048)}`,
    'http://example.org/'
  ])
    t.throws(() => cleanTarget(url, rules), { code: 'invalid-field' }, url)
  t.equal(cleanTarget('HTTPS://Example.org:8443/a b?x=1#part', rules), 'https://example.org:8443/a%20b?x=1')
  t.equal(cleanTarget('http://example.org', { ...rules, insecure: true }), 'http://example.org/')
  const near = { check: addressCheck(['127.0.0.1']), insecure: false, hasAllowed: true }
  t.equal(cleanTarget('http://127.0.0.1:9/', near), 'http://127.0.0.1:9/')
  t.equal(
    cleanTarget('http://hooks.internal/', near),
    'http://hooks.internal/',
    'where it leads is looked at later'
  )
  t.throws(() => cleanTarget('http://127.0.0.2/', near), { code: 'invalid-field' })
  t.throws(
    () => cleanTarget('http://8.8.8.8/', near),
    { code: 'invalid-field' },
    'http only to what is allowed'
  )
})

import t from 'tap'
import { parseDuration, parseSize } from '../../src/cli/arguments.ts'
import { configOf, parseSetting } from '../../src/cli/settings.ts'
import { formatBytes } from '../../src/cli/progress.ts'

t.test('durations have a unit', async (t) => {
  for (const [text, expected] of [
    ['250ms', 250],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['1W', 604_800_000]
  ] as const)
    t.equal(parseDuration(text), expected, text)
  for (const text of ['', '2', 'd', '-1d', '1y', '0s', '1e3s', 'NaNs', '2 d d'])
    t.throws(() => parseDuration(text), text)
})

t.test('sizes have a unit, of ten or of two', async (t) => {
  t.equal(parseSize('500MB'), 500_000_000)
  t.equal(parseSize('2GiB'), 2_147_483_648)
  t.equal(parseSize('7 b'), 7)
  for (const text of ['', '5', 'MB', '-1MB', '1PB']) t.throws(() => parseSize(text), text)
})

t.test('settings are read in the type of the schema', async (t) => {
  const settings = [
    'edge.port=0',
    'link.ttlMs=1w',
    'edge.uploadBytesMax=50MB',
    'edge.publicUrl=https://share.example.org',
    'edge.trustedProxies=10.0.0.0/8, 127.0.0.1',
    'edge.forbiddenTypes=["video/*"]',
    'network.announce='
  ].map(parseSetting)
  t.same(configOf(settings), {
    edge: {
      port: 0,
      uploadBytesMax: 50_000_000,
      publicUrl: 'https://share.example.org',
      trustedProxies: ['10.0.0.0/8', '127.0.0.1'],
      forbiddenTypes: ['video/*']
    },
    link: { ttlMs: 604_800_000 },
    network: { announce: [] }
  })
  t.same(
    configOf(['link.downloads=1', 'link.downloads=2'].map(parseSetting)),
    { link: { downloads: 2 } },
    'the last one wins'
  )
  for (const text of [
    'edge',
    'edge.port',
    'edge.nope=1',
    '__proto__.x=1',
    'edge.__proto__=1',
    'edge.constructor=1',
    'edge.port=1m'
  ])
    t.throws(() => parseSetting(text), text)
})

t.test('bytes are shown with one digit behind the point', async (t) => {
  t.equal(formatBytes(0), '0 B')
  t.equal(formatBytes(999), '999 B')
  t.equal(formatBytes(1000), '1.0 kB')
  t.equal(formatBytes(999_960), '1.0 MB')
  t.equal(formatBytes(9_000_000_000), '9.0 GB')
})

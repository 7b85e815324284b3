import fc from 'fast-check'
import t from 'tap'
import { cleanMediaType, cleanName, formName, NAMELESS } from '../../../src/edge/http/names.ts'
import { typeMatches } from '../../../src/client/forbidden-types.ts'
import { NAME_BYTES_MAX } from '../../../src/protocol/limits.ts'

t.test('names keep what people chose', async (t) => {
  for (const name of [
    'report.pdf',
    'Übersicht 2026.pdf',
    '報告書.txt',
    '👩‍💻 notes.md',
    'a"b.txt',
    "it's; fine",
    '100% done.txt',
    '.bashrc'
  ])
    t.equal(cleanName(name), name)
})

t.test('names lose folders, controls, direction marks and what Windows cannot save', async (t) => {
  const cases: Array<[string, string]> = [
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\report.pdf', 'report.pdf'],
    ['a\r\nSet-Cookie: x=1', 'aSet-Cookie: x=1'],
    ['a\0b.txt', 'ab.txt'],
    ['invoice\u202Efdp.exe', 'invoicefdp.exe'],
    ['report.pdf. . .', 'report.pdf'],
    ['  spaced.txt ', 'spaced.txt'],
    ['\uFEFFbom.txt', 'bom.txt'],
    ['e\u0301.txt', '\u00E9.txt'],
    ['\uD800lone.txt', '\uFFFDlone.txt']
  ]
  for (const [from, to] of cases) t.equal(cleanName(from), to, JSON.stringify(from))
})

t.test('a name of which nothing is left gets one', async (t) => {
  for (const name of ['', '.', '..', '/', '../', '\0', '   ', '\u202E', 'folder/'])
    t.equal(cleanName(name), NAMELESS, JSON.stringify(name))
})

t.test('a name that is too long keeps its extension', async (t) => {
  const name = cleanName(`${'界'.repeat(30_000)}.tar.gz`)
  t.ok(name.endsWith('.gz'))
  t.ok(Buffer.byteLength(name) <= NAME_BYTES_MAX)
  t.ok(Buffer.byteLength(cleanName('x'.repeat(65_536))) === NAME_BYTES_MAX)
  t.equal(Buffer.byteLength(cleanName(`a.${'y'.repeat(65_536)}`)), NAME_BYTES_MAX)
})

t.test('whatever comes in, a clean name is safe, and cleaning it again changes nothing', async () => {
  const nasty = fc.constantFrom(
    '/',
    '\\',
    '..',
    '.',
    ' ',
    '\0',
    '\r\n',
    '"',
    '\u202E',
    '\u200D',
    '👩',
    'é',
    'e\u0301',
    '\uD800',
    '.tar',
    '%2F',
    '\u3000',
    'x'.repeat(250)
  )
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(nasty, fc.string()), { maxLength: 12 }).map((parts) => parts.join(''))
  )
  fc.assert(
    fc.property(name, (text) => {
      const clean = cleanName(text)
      const safe =
        clean.length > 0 &&
        Buffer.byteLength(clean) <= NAME_BYTES_MAX &&
        clean.isWellFormed() &&
        !/[/\\\p{Cc}\u202A-\u202E\u2066-\u2069]/u.test(clean) &&
        clean !== '.' &&
        clean !== '..' &&
        clean.trim() === clean
      return safe && cleanName(clean) === clean
    }),
    { numRuns: 2000 }
  )
})

t.test('file names of forms are decoded as browsers encode them, and no further', async (t) => {
  t.equal(formName('a%22b%22.txt'), 'a"b".txt')
  t.equal(formName('a%0D%0Ab.txt'), 'ab.txt')
  t.equal(formName('100%25.txt'), '100%25.txt')
  t.equal(formName('..%2Fpasswd'), '..%2Fpasswd')
})

t.test('media types are cut to type and subtype, and nonsense becomes the general one', async (t) => {
  t.equal(cleanMediaType('Text/HTML; charset=utf-8'), 'text/html')
  t.equal(cleanMediaType('application/vnd.ms-excel'), 'application/vnd.ms-excel')
  for (const text of [
    undefined,
    '',
    'text',
    'text/',
    '/html',
    'a b/c',
    `${'x'.repeat(300)}/y`,
    'text/html\r\nx: y'
  ])
    t.equal(cleanMediaType(text), 'application/octet-stream', String(text))
})

t.test('forbidden types match exactly or by their first half', async (t) => {
  t.ok(typeMatches('video/*', 'video/mp4'))
  t.ok(typeMatches('Application/X-MSDownload', 'application/x-msdownload'))
  t.notOk(typeMatches('video/*', 'audio/mp4'))
  t.notOk(typeMatches('video/mp', 'video/mp4'))
})

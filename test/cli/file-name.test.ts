import fc from 'fast-check'
import t from 'tap'
import { safeFileName } from '../../src/cli/pull/file-name.ts'
import { claimUrl, parseLink } from '../../src/cli/pull/link.ts'

t.test('a name from a server becomes one that is safe to save', async (t) => {
  for (const [text, expected] of [
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Windows\\evil.exe', 'evil.exe'],
    ['.bashrc', 'bashrc'],
    ['...', 'download'],
    ['', 'download'],
    ['a\u0000b\r\nc', 'abc'],
    ['photo\u202Egpj.exe', 'photogpj.exe'],
    ['CON.txt', '_CON.txt'],
    ['what?.txt', 'what_.txt'],
    ['😀 日本.txt', '😀 日本.txt'],
    ['trailing. . ', 'trailing']
  ] as const)
    t.equal(safeFileName(text), expected, JSON.stringify(text))
  const long = safeFileName(`${'ä'.repeat(60_000)}.tar`)
  t.ok(Buffer.byteLength(long) <= 230 && long.endsWith('.tar'), 'a long one is cut and keeps its extension')
})

t.test('whatever the server says, the name stays in the folder', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const name = safeFileName(text)
      return (
        name !== '' &&
        !/[/\\\p{Cc}]/u.test(name) &&
        !name.startsWith('.') &&
        Buffer.byteLength(name) <= 230 &&
        safeFileName(name) === name
      )
    })
  )
  t.pass('held for all')
})

t.test('links are taken in both forms, and nothing else is', async (t) => {
  const token = 'AbCdEfGhIjKlMnOpQrStUvWx'
  for (const text of [
    `http://h:1/d/${token}`,
    `http://h:1/download/${token}/`,
    `http://h:1/d/${token}?claim=x#y`
  ]) {
    const link = parseLink(text)
    t.equal(link.download.href, `http://h:1/download/${token}`)
    t.equal(claimUrl(link, 's').href, `http://h:1/download/${token}?claim=s`)
  }
  t.equal(
    parseLink(`https://h/share/d/${token}`).download.pathname,
    `/share/download/${token}`,
    'below a path'
  )
  for (const text of [
    '',
    token,
    `ftp://h/d/${token}`,
    'http://h/d/short',
    `http://h/e/${token}`,
    `http://h/d/${token}x`
  ]) {
    t.throws(() => parseLink(text), { code: 'usage' }, text)
    try {
      parseLink(text)
    } catch (error) {
      t.notOk(String(error).includes(token), 'the error does not repeat it')
    }
  }
})

t.test('a name of megabytes is no work', async (t) => {
  const before = performance.now()
  t.equal(safeFileName(`a${' .'.repeat(200_000)}x`).length, 230)
  t.ok(performance.now() - before < 5000) // before: minutes
})

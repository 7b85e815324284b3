import { test } from 'tap'
import {
  EXPIRES_SECONDS_MAX,
  parseFlag,
  parseFolder,
  parseLifeText,
  parseMetadataText,
  parsePath
} from '../../../src/edge/user-files/fields.ts'

const refused = { code: 'invalid-field' }

test('paths of users are kept as they are written, or refused', async (t) => {
  t.equal(parsePath('a/b.txt', 'path'), 'a/b.txt')
  t.equal(parsePath('/a/b.txt', 'path'), 'a/b.txt', 'from a root')
  t.equal(parsePath('a/', 'path', 'b.txt'), 'a/b.txt', 'a folder for the file')
  t.equal(parsePath('', 'path', 'holiday/b.txt'), 'holiday/b.txt', 'as the file is called')
  t.equal(parsePath('/', 'path', 'b.txt'), 'b.txt')
  t.equal(parsePath('cafe\u0301.txt', 'path'), 'caf\u00e9.txt', 'composed')
  for (const path of [
    '',
    '/',
    'a/',
    'a//b',
    '../a',
    'a/../../b',
    './a',
    'a/.',
    'a\\b',
    'C:/a',
    ' a',
    'a ',
    'a/b.',
    'a\u0000b',
    'a\nb',
    'x\u202egpj.exe',
    'x'.repeat(256),
    `${'x/'.repeat(64)}x`,
    `${'y'.repeat(250)}/`.repeat(5) + 'z'
  ])
    t.throws(() => parsePath(path, 'path'), refused, JSON.stringify(path.slice(0, 20)))
  t.equal(parseFolder(undefined, 'folder'), undefined)
  t.equal(parseFolder('/', 'folder'), undefined)
  t.equal(parseFolder('a/b/', 'folder'), 'a/b')
})

test('what else is said of a file', async (t) => {
  t.same(parseMetadataText('', 'metadata'), {})
  t.same(parseMetadataText('{"a":"b"}', 'metadata'), { a: 'b' })
  for (const text of [
    '[]',
    'null',
    '"a"',
    '{"a":1}',
    '{"a":{}}',
    '{',
    `{"a":"${'x'.repeat(16 * 1024)}"}`,
    '{"":"a"}'
  ])
    t.throws(() => parseMetadataText(text, 'metadata'), refused, text.slice(0, 20))
  t.same(Object.keys(parseMetadataText('{"__proto__":"x","a":"b"}', 'metadata')).includes('a'), true)
  t.equal(parseLifeText(undefined, 'expires'), undefined)
  t.equal(parseLifeText(' 60 ', 'expires'), 60_000)
  for (const text of ['0', '-1', '1.5', '1e3', 'x', String(EXPIRES_SECONDS_MAX + 1)])
    t.throws(() => parseLifeText(text, 'expires'), refused, text)
  t.equal(parseFlag('TRUE', 'only_new'), true)
  t.equal(parseFlag(undefined, 'only_new'), false)
  t.throws(() => parseFlag('perhaps', 'only_new'), refused)
})

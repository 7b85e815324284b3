import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { destinationsOf } from '../../src/cli/account/destinations.ts'
import { remotePath } from '../../src/cli/account/find-file.ts'
import { contextOf } from '../kit/cli-context.ts'
import { testFolder } from '../kit/test-folder.ts'

const cwd = testFolder(t, { 'a.txt': 'a', 'b.txt': 'b', 'empty.txt': '' })
await mkdir(join(cwd, 'docs', 'inner'), { recursive: true })
await writeFile(join(cwd, 'docs', 'inner', 'c.txt'), 'c')
await writeFile(join(cwd, 'docs', '.hidden'), 'h')
await writeFile(join(cwd, 'docs', 'zero'), '')

const pathsOf = async (args: string[], to?: string): Promise<string[]> => {
  const context = contextOf({ code: 0, stdout: '', stderr: '' }, { cwd })
  return (await destinationsOf(args, to, context)).map(({ path }) => path)
}

t.test('the last argument is a place only where no file can be meant', async (t) => {
  const cases: Array<[string[], string | undefined, string[]]> = [
    [['a.txt'], undefined, ['a.txt']],
    [['./docs/../a.txt'], undefined, ['a.txt']],
    [['a.txt', 'new.txt'], undefined, ['new.txt']],
    [['a.txt', 'reports/2026/final.txt'], undefined, ['reports/2026/final.txt']],
    [['a.txt', 'reports/'], undefined, ['reports/a.txt']],
    [['a.txt', '/'], undefined, ['a.txt']],
    [['a.txt', 'b.txt'], undefined, ['a.txt', 'b.txt']],
    [['a.txt', 'b.txt', '/reports'], undefined, ['reports/a.txt', 'reports/b.txt']],
    [['a.txt', 'b.txt', 'reports/'], undefined, ['reports/a.txt', 'reports/b.txt']],
    [['docs'], undefined, ['docs/.hidden', 'docs/inner/c.txt']],
    [['docs/', 'papers'], undefined, ['papers/.hidden', 'papers/inner/c.txt']],
    [['docs', 'papers/'], undefined, ['papers/docs/.hidden', 'papers/docs/inner/c.txt']],
    [['a.txt'], 'docs/', ['docs/a.txt']],
    [['a.txt', 'b.txt'], 'both', ['both/a.txt', 'both/b.txt']],
    [['a.txt'], '../../etc/x', ['etc/x']]
  ]
  for (const [args, to, expected] of cases)
    t.same(await pathsOf(args, to), expected, `${args.join(' ')} ${to ?? ''}`)
})

t.test('what could be a slip or either of two things is refused', async (t) => {
  await t.rejects(pathsOf(['a.txt', 'b.txt', 'c.txt']), {
    code: 'local-file',
    message: /no file c\.txt here/
  })
  await t.rejects(pathsOf(['a.txt', 'docs/']), { code: 'usage', message: /--to docs\// })
  await t.rejects(pathsOf(['a.txt', join(cwd, 'docs/')]), { code: 'usage' })
  await t.rejects(pathsOf(['a.txt', 'docs/../a.txt']), { code: 'usage', message: /both become a\.txt/ })
  await t.rejects(pathsOf(['missing.txt']), { code: 'local-file' })
  await t.rejects(pathsOf(['empty.txt']), { code: 'empty-file' })
})

t.test('a path at the server is what is stored', async (t) => {
  for (const top of ['', '/', '.', './', '//']) t.equal(remotePath(top), '')
  t.equal(remotePath('/a//b/'), 'a/b')
  t.equal(remotePath('../a'), 'a')
})

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { PeerbinProcess, WITHOUT_LOADERS } from '../kit/processes.ts'
import { testFolder } from '../kit/test-folder.ts'

// a build, a type check and six processes
t.setTimeout(300_000)

/** Runs a program without tap's loaders, which the compiler cannot stand. */
const run = async (command: string, args: readonly string[], cwd: string): Promise<string> => {
  const { stdout } = await promisify(execFile)('env', [...WITHOUT_LOADERS, command, ...args], {
    cwd,
    timeout: 120_000
  })
  return stdout
}
const root = join(import.meta.dirname, '../..')
const modules = join(root, 'node_modules')

const CONSUMER = `
import { createNode, hasCode, PeerbinError } from 'peerbin'
import type { ChunkStore, NodeOptions, Share } from 'peerbin'
const options: NodeOptions = { config: { node: { capacityBytes: 1_000_000 } } }
export const nameOf = (share: Share): string => share.file.name
export const withStore = async (store: ChunkStore, join: string) => await createNode({ ...options, store, join })
// @ts-expect-error: a setting that does not exist
export const wrong: NodeOptions = { config: { node: { capacity: 1 } } }
export const refused = await createNode(options).catch((error: unknown) => hasCode(error, 'join-string-invalid') && error instanceof PeerbinError)
if (refused !== true) throw new Error('the error is not what it should be')
`

/** The package as npm would install it in an empty folder, with the dependencies that are here. Answers that folder. */
async function installPackage(folder: string): Promise<string> {
  await run('npm', ['pack', '--pack-destination', folder, '--silent'], root)
  const app = join(folder, 'app')
  await mkdir(join(app, 'node_modules'), { recursive: true })
  await run('sh', ['-c', 'tar -xzf peerbin-*.tgz'], folder)
  await symlink(modules, join(folder, 'package', 'node_modules'))
  await symlink(join(folder, 'package'), join(app, 'node_modules', 'peerbin'))
  await symlink(join(modules, '@types'), join(app, 'node_modules', '@types'))
  await writeFile(join(app, 'package.json'), '{"type": "module"}')
  return app
}

t.test('the package that npm makes works where it is installed', async (t) => {
  const app = await installPackage(testFolder(t))

  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const snippet = /```ts\n([^]*?)```/.exec(readme)?.[1] ?? ''
  t.match(snippet, /from 'peerbin'/, 'the README shows how the library is used')
  await writeFile(join(app, 'readme.ts'), snippet)
  await writeFile(join(app, 'consumer.ts'), CONSUMER)
  const compilerOptions = {
    noEmit: true,
    strict: true,
    module: 'NodeNext',
    target: 'ES2024',
    types: ['node']
  }
  await writeFile(
    join(app, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['readme.ts', 'consumer.ts'] })
  )
  const problems = await run(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', '.'], app).catch(
    (error: unknown) => (error as { stdout: string }).stdout
  )
  t.equal(problems, '', 'its types are good under the strictest settings')
  t.equal(await run(process.execPath, ['readme.ts'], app), 'hello\n', 'the program of the README runs')
  await run(process.execPath, ['consumer.ts'], app)

  const up = new PeerbinProcess(['up', '--data', 'data', '--port', '0', '--nodes', '2'], {
    cwd: app,
    program: join(app, 'node_modules/peerbin/dist/bin/peerbin.js')
  })
  t.teardown(() => up.stop('SIGKILL'))
  await up.until('the ready line', () => up.stdout.includes('\n'))
  const url = /http:\S+/.exec(up.stdout)?.[0] ?? ''
  const body = randomBytes(5_000_000)
  const answer = await fetch(`${url}/packed.bin`, { method: 'PUT', body })
  const link = (await answer.text()).trim()
  const file = await fetch(link.replace('/d/', '/download/'))
  t.ok(body.equals(Buffer.from(await file.arrayBuffer())), 'its command line serves a file')
  const page = await (await fetch(url)).text()
  for (const name of ['style', 'upload', 'icon']) {
    const path = new RegExp(`/assets/${name}[^"]+`).exec(page)?.[0] ?? 'none'
    const asset = await fetch(url + path)
    t.equal(asset.status, 200, `and pages with what belongs to them: ${name}`)
    t.match(asset.headers.get('cache-control'), 'immutable')
  }
  t.same(await up.stop(), { code: 0, signal: null })
})

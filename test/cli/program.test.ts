import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { describeConfig } from '../../src/config.ts'
import { ERRORS, EXIT } from '../../src/errors.ts'
import { VERSION } from '../../src/version.ts'
import { runInProcess } from '../kit/cli-context.ts'
import { testFolder } from '../kit/test-folder.ts'

const COMMANDS = [
  'up',
  'node',
  'controller',
  'edge',
  'init',
  'push',
  'pull',
  'status',
  'drain',
  'retire',
  'scrub',
  'collector',
  'links',
  'backup',
  'restore',
  'config'
]

/** They speak to a server, and know nothing of a cluster's data folder. */
const ACCOUNT_COMMANDS = [
  'login',
  'register',
  'logout',
  'whoami',
  'passwd',
  'ls',
  'put',
  'get',
  'rm',
  'mv',
  'share',
  'shares',
  'unshare',
  'versions',
  'prune',
  'history',
  'events',
  'sessions',
  'keys',
  'admin'
]

t.test('help lists every command, the exit codes and the environment', async (t) => {
  const { code, stdout, stderr } = await runInProcess(['--help'])
  t.same([code, stderr], [0, ''])
  for (const command of [...COMMANDS, ...ACCOUNT_COMMANDS])
    t.match(stdout, new RegExp(`^  ${command} `, 'm'), command)
  for (const exit of Object.values(EXIT))
    t.match(stdout, new RegExp(`(?:^| )${exit} [a-z]`, 'm'), `exit code ${exit}`)
  for (const name of [
    'PEERBIN_DATA',
    'PEERBIN_JOIN',
    'PEERBIN_SERVER',
    'PEERBIN_URL',
    'PEERBIN_TOKEN',
    'PORT'
  ])
    t.match(stdout, name)
})

for (const command of [...COMMANDS, ...ACCOUNT_COMMANDS]) {
  t.test(`help of ${command} says what it does, its options with defaults, and shows examples`, async (t) => {
    const { code, stdout } = await runInProcess([command, '--help'])
    t.equal(code, 0)
    t.match(stdout, new RegExp(`^Usage: peerbin ${command}`))
    t.match(stdout, /^Examples:\n {2}\S/m)
    t.same((await runInProcess(['help', command])).stdout, stdout, '`help` says the same')
    if (!['push', 'pull', 'status', 'config', ...ACCOUNT_COMMANDS].includes(command))
      t.match(stdout, /--data <folder> .*\n?.*default: ".peerbin"/)
    if (['up', 'node', 'controller', 'edge', 'init', 'restore'].includes(command))
      t.match(stdout, /--set <section\.key=value>/)
  })
}

t.test('the version is that of the package', async (t) => {
  const text = await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')
  t.equal(VERSION, (JSON.parse(text) as { version: string }).version)
  t.same(await runInProcess(['--version']), { code: 0, stdout: `${VERSION}\n`, stderr: '' })
})

t.test('wrong flags say what is wrong in one line, and exit 2', async (t) => {
  const cases: Array<[string[], RegExp]> = [
    [['--nonsense'], /unknown option '--nonsense'/],
    [['pushh', 'x'], /unknown command 'pushh'.*Did you mean push/],
    [['node', '--prot', '1'], /unknown option '--prot'/],
    [['up', '--port', 'http'], /'http' is invalid. Give a whole number from 0 to 65535/],
    [['up', '--port', '70000'], /0 to 65535/],
    [['up', '--nodes', '1'], /At least 2/],
    [['up', '--nodes', 'many'], /whole number/],
    [['up', 'extra'], /too many arguments/],
    [['up', '--data'], /argument missing/],
    [['up', '--set', 'edge.prot=1'], /There is no setting edge\.prot/],
    [['up', '--set', 'edge.port'], /section\.key=value/],
    [['up', '--set', 'edge.port=high'], /whole number for port/],
    [['node', '--name', '../up'], /--name/],
    [['push'], /missing required argument 'file'/],
    [['push', '--expires', '2', 'x'], /duration with its unit/],
    [['push', '--downloads', '0', 'x'], /whole number from 1/],
    [['push', '--server', 'ftp://x', 'x'], /address like http/],
    [['pull', 'http://localhost/elsewhere'], /no share link/],
    [['pull', 'nonsense'], /no share link/],
    [['login', 'nonsense'], /address like http/],
    [['login', '--key', '--username', 'ada', 'http://x'], /cannot be used with/],
    [['put', '--meta', 'nothing', 'x'], /key=value/],
    [['get', 'x', '--version', '0'], /whole number from 1/],
    [['restore', 'x', 'latest'], /whole number from 1/],
    [['ls', '--sort', 'colour'], /Allowed choices are name, date, size/],
    [['keys', 'create', 'x'], /--scope/],
    [['admin', 'quota', 'ada', '5'], /size with its unit/],
    [['admin', 'role', 'ada', 'king'], /Allowed choices are user, admin/]
  ]
  for (const [argv, text] of cases) {
    const { code, stdout, stderr } = await runInProcess(argv)
    t.equal(code, 2, argv.join(' '))
    t.equal(stdout, '')
    t.match(stderr, text)
    t.match(stderr, /^peerbin: [^\n]*\(usage\)\n$/, 'one line, with its code')
  }
})

t.test('a value that the schema refuses is named with its key', async (t) => {
  const { code, stderr } = await runInProcess([
    'up',
    '--data',
    testFolder(t),
    '--set',
    'replication.copies=99'
  ])
  t.equal(code, 2)
  t.match(stderr, /replication\.copies.*\(config-invalid\)\n$/)
})

t.test('without a command, help goes to standard error and the exit code is 2', async (t) => {
  const { code, stdout, stderr } = await runInProcess([])
  t.same([code, stdout], [2, ''])
  t.match(stderr, /^Usage: peerbin/)
})

t.test('config lists every setting with its default', async (t) => {
  const { stdout } = await runInProcess(['config'])
  for (const { key, text } of describeConfig()) {
    t.ok(stdout.includes(`${key} = `), key)
    t.not(text, '', `${key} is explained`)
  }
  t.same(JSON.parse((await runInProcess(['config', '--json'])).stdout), describeConfig())
})

t.test('every error has an exit code that is documented', async (t) => {
  const codes = new Set<number>(Object.values(EXIT))
  for (const [code, spec] of Object.entries(ERRORS)) t.ok(codes.has(spec.exit), code)
})

t.test('a stack trace is shown only to those who ask for it', async (t) => {
  const argv = ['push', '/nowhere/file']
  t.notMatch((await runInProcess(argv)).stderr, /\n +at /)
  t.match((await runInProcess(argv, { env: { PEERBIN_DEBUG: '1' } })).stderr, /\n +at /)
})

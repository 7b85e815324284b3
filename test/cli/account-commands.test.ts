/** The commands of accounts against a cluster in this process: real sockets in front and between, the data on disk. */

import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { runCommandLine } from '../../src/cli/program.ts'
import { createCluster } from '../../src/compose/cluster.ts'
import { sampleBytes } from '../edge/edge-cluster.ts'
import { contextOf } from '../kit/cli-context.ts'
import type { CommandResult, InProcessOptions } from '../kit/cli-context.ts'
import { runPeerbin } from '../kit/processes.ts'
import { cuttingProxy } from '../kit/cutting-proxy.ts'
import { stallingProxy } from '../kit/stalling-proxy.ts'
import type { StallingProxy } from '../kit/stalling-proxy.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { accountCommands, credentialsOf, linesOf, tokenOf } from './account-kit.ts'

t.setTimeout(120_000)

const folder = testFolder(t)
const cluster = await createCluster({
  data: join(folder, 'data'),
  nodes: 2,
  edges: 1,
  config: {
    edge: { port: 0 },
    link: { passwordMemoryKiB: 128, passwordPasses: 1 },
    account: { passwordMemoryKiB: 128, passwordPasses: 1 }
  }
})
t.teardown(() => cluster.stop())
await cluster.start()
const url = cluster.edges[0]?.url ?? ''
const env = { XDG_CONFIG_HOME: join(folder, 'config') }
const credentials = credentialsOf(env.XDG_CONFIG_HOME)

const { run, done, json } = accountCommands(folder, env)

t.test('without an account each command says how to get one', async (t) => {
  for (const argv of [['ls'], ['put', 'x'], ['whoami'], ['history']])
    t.match(await run(argv), {
      code: 4,
      stdout: '',
      stderr: /run `peerbin login URL`.*\(credentials-missing\)\n$/
    })
  t.match(await run(['ls'], { env: { PEERBIN_URL: url } }), {
    code: 4,
    stderr: `peerbin: you are not signed in at ${url}/: run \`peerbin login ${url}/\``
  })
  t.match(await run(['ls'], { env: { PEERBIN_TOKEN: 'x' } }), { code: 4, stderr: /set PEERBIN_URL/ })
})

t.test('an administrator is made by the cluster itself, and signs in', async (t) => {
  const create = [
    'admin',
    'create',
    'Root',
    '--data',
    join(folder, 'operator'),
    '--join',
    cluster.joinString,
    '--password-stdin',
    '--json'
  ]
  const options = { input: 'a long password\n' }
  t.match(linesOf(await done(create, options)), [{ username: 'Root', role: 'admin' }])
  t.match(await run(create, options), { code: 4, stderr: /\(name-taken\)/ })
  await done(['login', url, '--username', 'root', '--password-stdin'], {
    input: 'a long password\n',
    env: { XDG_CONFIG_HOME: join(folder, 'admin') }
  })
})

t.test('register signs in, and only the user can read the token', async (t) => {
  const secret = 'correct horse'
  const text = await done(['register', url, '--username', 'Ada'], { answers: [secret, secret] })
  t.match(text, `signed in at ${url}/ as Ada (user)`)
  t.equal((await stat(credentials)).mode & 0o777, 0o600)
  t.equal((await stat(join(credentials, '..'))).mode & 0o777, 0o700)
  t.same(await readdir(join(credentials, '..')), ['credentials.json'], 'nothing is left beside it')
  t.notMatch(await readFile(credentials, 'utf8'), secret)
  const [me] = await json(['whoami'])
  t.match(me, { username: 'Ada', role: 'user', server: `${url}/`, expires_at: String })
  for (const mode of [0o640, 0o604, 0o620]) {
    await chmod(credentials, mode)
    t.match(await run(['whoami']), {
      code: 7,
      stderr: /other users of this machine.*chmod 600 .*\(local-file\)/
    })
  }
  await chmod(credentials, 0o600)
  await chmod(join(credentials, '..'), 0o750)
  t.match(await run(['whoami']), { code: 7, stderr: /chmod 700/ })
  t.match(await run(['login', url], { answers: ['Ada', secret] }), { code: 7 }, 'nor is it written there')
  await chmod(join(credentials, '..'), 0o700)
  t.match(await run(['register', url, '--username', 'ADA'], { answers: [secret, secret] }), {
    code: 4,
    stderr: /\(name-taken\)/
  })
})

t.test('a wrong password is refused, and nothing changes', async (t) => {
  const before = await readFile(credentials, 'utf8')
  const login = ['login', url, '--username', 'ada', '--password-stdin']
  t.match(await run(login, { input: 'a guess\n' }), {
    code: 4,
    stderr: /Invalid credentials \(login-failed\)/
  })
  t.match(await run(['login', url]), { code: 2, stderr: /give --username/ })
  t.match(await run(['login', url, '--username', 'ada']), { code: 2, stderr: /give --password-file/ })
  t.match(await run(['login', url, '--key', '--password-stdin'], { input: 'nonsense\n' }), {
    code: 2,
    stderr: /pbk_/
  })
  t.equal(await readFile(credentials, 'utf8'), before)
})

t.test('a new sign-in ends the one that it replaces', async (t) => {
  const old = await tokenOf(credentials, url)
  await writeFile(join(folder, 'password.txt'), 'correct horse\n')
  await done(['login', '--username', 'ada', '--password-file', 'password.txt'])
  t.match(await run(['whoami'], { env: { PEERBIN_URL: url, PEERBIN_TOKEN: old } }), {
    code: 4,
    stderr: /client credentials invalid: what PEERBIN_TOKEN holds.*\(credentials-invalid\)/
  })
  await done(['whoami'])
})

const big = sampleBytes(4_000_000, 3)

t.test('files go up as versions, are listed, and come back as they were', async (t) => {
  await mkdir(join(folder, 'holiday', 'day 1'), { recursive: true })
  await writeFile(join(folder, 'holiday', 'day 1', 'photo.bin'), sampleBytes(200_000, 1))
  await writeFile(join(folder, 'holiday', 'zero.txt'), '')
  await writeFile(join(folder, 'notes.txt'), 'first')
  await writeFile(join(folder, 'big.bin'), big)

  const [first] = await json([
    'put',
    'notes.txt',
    'docs/',
    '--meta',
    'project=x',
    '--meta',
    'a=b=c',
    '--expires',
    '7d'
  ])
  t.match(first, {
    path: 'docs/notes.txt',
    version: 1,
    file_id: String,
    status: /^(?:cached|uploaded_successfully)$/
  })
  t.match(await json(['ls', '--search', 'NOTE']), [
    { type: 'file', path: 'docs/notes.txt', metadata: { project: 'x', a: 'b=c' } }
  ])
  const put = await run(['put', 'holiday', 'big.bin', '/photos/'])
  t.match(put, { code: 0, stderr: /zero\.txt is empty: left out/ })
  t.match(
    put.stdout,
    /^photos\/holiday\/day 1\/photo\.bin \(version 1, \w+\)\nphotos\/big\.bin \(version 1, \w+\)\n$/
  )

  await writeFile(join(folder, 'notes.txt'), 'second')
  t.match(await json(['put', 'notes.txt', '--to', 'docs/notes.txt']), [
    { version: 2, file_id: first?.['file_id'] }
  ])

  t.match(await run(['put', '--new', 'notes.txt', 'docs/notes.txt']), { code: 4, stderr: /\(path-taken\)/ })

  t.equal(await done(['ls']), 'docs/\nphotos/\n')
  t.equal(await done(['ls', 'photos/']), 'holiday/\nbig.bin\n')
  t.equal(await done(['ls', '-R', 'photos']), 'photos/big.bin\nphotos/holiday/day 1/photo.bin\n')
  t.match(
    await done(['ls', '-l', 'docs']),
    /^SIZE +UPLOADED .*\n6 B +[-\d]+ [\d:]+ +2 +\w+ +[\da-f-]{36} +notes\.txt/
  )
  t.equal(await done(['ls', 'docs/notes.txt']), 'docs/notes.txt\n')
  t.match(await run(['ls', 'nowhere']), { code: 4, stderr: /\(file-unknown\)/ })

  const [got] = await json(['get', 'docs/notes.txt', '-o', 'again.txt'])
  t.match(got, { saved: join(folder, 'again.txt'), version: 2, file_size: 6 })
  t.equal(await readFile(join(folder, 'again.txt'), 'utf8'), 'second')
  t.match(await run(['get', 'docs/notes.txt', '-o', 'again.txt']), { code: 7, stderr: /exists already/ })
  t.equal(await done(['get', String(first?.['file_id']), '--version', '1', '-o', '-']), 'first')
  t.equal(
    await done(['get', '-r', 'photos']),
    `${join(folder, 'photos/big.bin')}\n${join(folder, 'photos/holiday/day 1/photo.bin')}\n`
  )
  t.ok((await readFile(join(folder, 'photos/big.bin'))).equals(big))
  await writeFile(join(folder, 'photos/holiday/day 1/photo.bin'), 'changed here')
  const again = await run(['get', '-r', 'photos'])
  t.match(again, {
    code: 7,
    stdout: `${join(folder, 'photos/big.bin')}\n`,
    stderr: /photo\.bin exists already/
  })
})

t.test('an upload whose line breaks is gone on with, and ends as one version', async (t) => {
  const line = await cuttingProxy(t, url, { afterBytes: 400_000, ofRequests: true, cuts: 2 })
  const through = { env: { PEERBIN_URL: line.url, PEERBIN_TOKEN: await tokenOf(credentials, url) } }
  await writeFile(join(folder, 'broken.bin'), sampleBytes(1_500_000, 5))
  t.match(await json(['put', 'broken.bin', '--meta', 'by=tus'], through), [
    { path: 'broken.bin', version: 1 }
  ])
  t.equal(line.cuts, 2)
  t.match(await json(['ls', 'broken.bin']), [{ file_size: 1_500_000, metadata: { by: 'tus' } }])
  t.equal(await done(['rm', 'broken.bin']), 'broken.bin: deleted\n')
})

/** Begins to fetch the large file over a line that stalls, and gives up in the middle. */
async function interrupted(
  t: Test,
  name: string
): Promise<{ line: StallingProxy; argv: string[]; through: InProcessOptions }> {
  const line = await stallingProxy(new URL(url), 1_500_000)
  t.teardown(() => line.close())
  const through = { env: { PEERBIN_URL: line.url, PEERBIN_TOKEN: await tokenOf(credentials, url) } }
  const argv = ['get', 'photos/big.bin', '-o', name]
  const stop = new AbortController()
  const running = run(argv, { ...through, interrupted: stop.signal })
  const sizeOf = async (): Promise<number> => (await stat(`${join(folder, name)}.peerbin-part`)).size
  await until('some of it is here', async () => (await sizeOf().catch(() => 0)) > 500_000)
  stop.abort()
  t.equal((await running).code, 130)
  return { line, argv, through }
}

t.test('a fetch that was interrupted goes on where it was', async (t) => {
  const { line, argv, through } = await interrupted(t, 'slow.bin')
  const part = join(folder, 'slow.bin.peerbin-part')
  const before = (await stat(part)).size
  t.notMatch(await readFile(`${part}.json`, 'utf8'), /eyJ|pbk_/, 'no token is on disk beside it')
  line.release()
  const { code, stderr } = await run(argv, through)
  t.equal(code, 0)
  t.match(stderr, `going on at byte ${before} of 4000000`)
  t.ok((await readFile(join(folder, 'slow.bin'))).equals(big))
  const left = (await readdir(folder)).filter((name) => name.includes('peerbin-part'))
  t.same(left, [])
})

t.test('a part of an earlier version is not gone on with', async (t) => {
  const { argv } = await interrupted(t, 'mixed.bin')
  const next = sampleBytes(1_000_000, 9)
  await writeFile(join(folder, 'big.bin'), next)
  await done(['put', 'big.bin', '--to', 'photos/big.bin'])
  const { code, stderr } = await run(argv)
  t.same([code, stderr], [0, ''])
  t.ok((await readFile(join(folder, 'mixed.bin'))).equals(next))
})

t.test('versions are listed, restored and pruned; files move and go', async (t) => {
  const path = 'docs/notes.txt'
  t.match(await json(['versions', path]), [{ version: 2 }, { version: 1, file_size: 5 }])
  await done(['restore', path, '1'])
  t.equal(await done(['get', path, '-o', '-']), 'first')
  t.match(await json(['versions', path]), [{ version: 3 }, { version: 2 }, { version: 1 }])
  await done(['prune', '--keep', '1', path])
  t.match(await done(['versions', path]), /^VERSION .*\n3 +5 B [^\n]*\n$/)
  t.match(await run(['restore', path, '2']), { code: 4 })
  t.equal(await done(['mv', path, 'archive/']), 'docs/notes.txt -> archive/notes.txt\n')
  t.equal(await done(['mv', 'photos/holiday', 'trips']), 'photos/holiday/ -> trips/ (1 file)\n')
  t.match(await run(['mv', 'trips', 'trips/below']), { code: 2, stderr: /into itself/ })
  t.match(await run(['mv', 'trips', 'archive/notes.txt']), { code: 4, stderr: /\(path-conflict\)/ })
  t.match(await run(['mv', 'archive/notes.txt', 'photos/big.bin']), { code: 4, stderr: /\(path-taken\)/ })
  t.match(await json(['rm', '-r', '/trips/']), [{ type: 'folder', path: 'trips', deleted: 1 }])
  t.match(await run(['rm', 'trips/day 1/photo.bin']), { code: 4, stderr: /\(file-unknown\)/ })
  t.match(await run(['rm', '-r', '/']), { code: 2 })
})

t.test('a file is shared by a link, and the link is withdrawn', async (t) => {
  const [link] = await json([
    'share',
    'archive/notes.txt',
    '--downloads',
    '2',
    '--expires',
    '1d',
    '--password-file',
    'password.txt'
  ])
  t.match(link, { url: /\/d\//, passwordRequired: true, downloads: 2 })
  const [share] = await json(['shares', 'archive/notes.txt'])
  t.match(share, { state: 'live', downloads: 2, password_required: true })
  t.match(await run(['unshare', 'archive/notes.txt']), { code: 2 })
  await done(['unshare', '--all', 'archive/notes.txt'])
  t.match(await run(['pull', String(link?.['url']), '--password-file', 'password.txt', '-o', '-']), {
    code: 4,
    stderr: /\(link-revoked\)/
  })
})

t.test('a key lets a program in, with no more than its scopes', async (t) => {
  const { code, stdout } = await run(['keys', 'create', 'reader', '--scope', 'files:read', '--expires', '1w'])
  t.same([code, /^pbk_[\w-]{43}\n$/.test(stdout)], [0, true])
  const key = { XDG_CONFIG_HOME: join(folder, 'program') }
  await done(['login', url, '--key', '--password-stdin'], { input: stdout, env: key })
  t.match(await done(['ls'], { env: key }), 'archive/\n')
  t.match(await run(['put', 'notes.txt'], { env: key }), {
    code: 4,
    stderr: /scopes say.*\(permission-denied\)/
  })
  t.match(await json(['keys', 'list']), [{ name: 'reader', scopes: ['files:read'] }])
  t.equal(await done(['keys', 'revoke', 'reader']), 'reader: revoked\n')
  t.match(await run(['ls'], { env: key }), { code: 4, stderr: /API key is not valid any more.*login --key/ })
})

t.test('an administrator sees and changes users', async (t) => {
  const admin = { env: { XDG_CONFIG_HOME: join(folder, 'admin') } }
  t.match(await run(['admin', 'users']), { code: 4, stderr: /\(permission-denied\)/ })
  t.match(await json(['admin', 'users', '--search', 'ad'], admin), [
    { username: 'Ada', role: 'user', state: 'active' }
  ])
  t.match(await done(['ls', '--owner', 'ada', 'archive'], admin), 'notes.txt\n')
  t.match(await json(['admin', 'quota', 'ada', '1MB'], admin), [{ quota_bytes: 1_000_000 }])
  await writeFile(join(folder, 'large.bin'), sampleBytes(1_100_000, 7))
  t.match(await run(['put', 'large.bin']), { code: 4, stderr: /\(quota-exceeded\)/ })
  await done(['admin', 'quota', 'ADA', 'default'], admin)
  t.match(await json(['admin', 'role', 'ada', 'admin'], admin), [{ role: 'admin' }])
  t.match(await json(['admin', 'role', 'ada', 'user'], admin), [{ role: 'user' }])
  t.match(await run(['admin', 'role', 'root', 'user'], admin), { code: 4, stderr: /\(last-admin\)/ })
  t.match(await run(['admin', 'enable', 'nobody'], admin), { code: 4, stderr: /\(user-unknown\)/ })
  const invitation = await done(['admin', 'invite', '--expires', '1d'], admin)
  t.match(invitation, /\/sign-up#[\w-]+\n$/)
  t.match(await json(['admin', 'invites'], admin), [{ role: 'user' }])
  await done(['admin', 'add', 'Grace', '--password-stdin'], { ...admin, input: 'battery staple\n' })
  t.match(await done(['admin', 'users'], admin), /^Grace +user +active/m)
})

t.test('history tells what was done, to its owner and to administrators', async (t) => {
  const admin = { env: { XDG_CONFIG_HOME: join(folder, 'admin') } }
  const seen = async (argv: string[], options = {}): Promise<unknown[]> =>
    (await json(argv, options)).map(({ action }) => action)
  await until('it is noted', async () => (await seen(['history', '-n', '200'])).includes('unshare'))
  const actions = await seen(['history', '-n', '200'])
  for (const action of ['register', 'upload', 'download', 'rename', 'delete', 'share'])
    t.ok(actions.includes(action), action)
  t.equal((await json(['history', '-n', '1'])).length, 1)
  t.match(await done(['history', '-n', '3', '--action', 'download']), /Ada {2}download {2}[^\n]*ok\n/)
  t.match(await done(['history', '--action', 'upload.status']), /upload\.status {2}[^\n]* {2}cached {2}/)
  t.ok((await seen(['admin', 'log', '--user', 'ada', '--action', 'upload'], admin)).length > 0)
  const followed: CommandResult = { code: -1, stdout: '', stderr: '' }
  const stop = new AbortController()
  const context = contextOf(followed, { env, interrupted: stop.signal })
  const following = runCommandLine(['history', '-n', '1', '--follow', '--json'], context)
  await until('what was before is told', () => followed.stdout !== '')
  await done(['put', 'notes.txt', 'followed.txt'])
  await until('what comes is told', () => followed.stdout.includes('followed.txt'))
  stop.abort()
  t.equal(await following, 130)
})

t.test('a changed password ends other sessions; a session that ended says what to do', async (t) => {
  const other = { env: { XDG_CONFIG_HOME: join(folder, 'other') } }
  await done(['login', url, '--username', 'ada', '--password-file', 'password.txt'], other)
  t.match(await run(['passwd'], { answers: ['wrong one', 'new password', 'new password'] }), {
    code: 4,
    stderr: /\(login-failed\)/
  })
  await done(['passwd', '--password-stdin'], { input: 'correct horse\nnew password\n' })
  await done(['whoami'])
  t.match(await run(['ls'], other), {
    code: 4,
    stderr: new RegExp(`client credentials invalid: the session has ended: run \`peerbin login ${url}/\``)
  })
  t.match(await run(['put', 'notes.txt'], other), { code: 4, stderr: /run `peerbin login/ })
  await done(['admin', 'disable', 'ada'], { env: { XDG_CONFIG_HOME: join(folder, 'admin') } })
  t.match(await run(['ls']), { code: 4, stderr: /run `peerbin login/ })
  await done(['admin', 'enable', 'ada'], { env: { XDG_CONFIG_HOME: join(folder, 'admin') } })
})

t.test('as processes of their own: a token on disk, and one from the environment', async (t) => {
  const own = { XDG_CONFIG_HOME: join(folder, 'process') }
  await writeFile(join(folder, 'new.txt'), 'new password\n')
  const login = ['login', url, '--username', 'ada', '--password-file', 'new.txt', '--json']
  const signedIn = await runPeerbin(login, { env: own, cwd: folder })
  t.same([signedIn.code, signedIn.stderr], [0, ''])
  t.notMatch(signedIn.stdout, /eyJ/, 'the token itself is not told')
  const path = credentialsOf(own.XDG_CONFIG_HOME)
  t.equal((await stat(path)).mode & 0o777, 0o600)
  const token = await tokenOf(path, url)
  const told = await runPeerbin(['whoami', '--json'], { env: { PEERBIN_URL: url, PEERBIN_TOKEN: token } })
  t.match(JSON.parse(told.stdout), { username: 'Ada' })
})

t.test('logout ends the session, and forgets it', async (t) => {
  await done(['login', url, '--username', 'ada', '--password-stdin'], { input: 'new password\n' })
  const token = await tokenOf(credentials, url)
  t.equal(await done(['logout']), `${url}/: signed out\n`)
  t.notMatch(await readFile(credentials, 'utf8'), token)
  t.match(await run(['whoami'], { env: { PEERBIN_URL: url, PEERBIN_TOKEN: token } }), { code: 4 })
  t.match(await run(['logout']), { code: 4, stderr: /\(credentials-missing\)/ })
})

import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { qrCode } from '../../src/qr/qr-code.ts'
import { terminalText } from '../../src/qr/terminal.ts'
import { PeerbinProcess, runPeerbin, startUp } from '../kit/processes.ts'
import { stallingProxy } from '../kit/stalling-proxy.ts'
import { testFolder } from '../kit/test-folder.ts'

// six processes start several times, on a machine that may be busy
t.setTimeout(400_000)

const folder = testFolder(t, { 'small.txt': 'a small file', 'empty.txt': '' })
const { up, url } = await startUp(join(folder, 'data'), ['--set', 'edge.uploadBytesMax=64MB'])
t.teardown(() => up.stop())
const env = { PEERBIN_SERVER: url }

const push = async (path: string, ...options: string[]): Promise<string> => {
  const { code, stdout, stderr } = await runPeerbin(['push', ...options, path], { env, cwd: folder })
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}

t.test('push --each prints one link a line, and pull fetches what is behind it, once', async (t) => {
  const both = await runPeerbin(['push', '--each', 'small.txt', './small.txt'], { env, cwd: folder })
  t.equal(both.code, 0)
  t.match(both.stdout, /^http:\S+\/d\/[\w-]{24}\nhttp:\S+\/d\/[\w-]{24}\n$/)
  t.equal(both.stderr, '', 'nothing is drawn where no person looks')
  const [first = '', second = ''] = both.stdout.split('\n')

  const here = join(folder, 'here')
  await mkdir(here)
  const pulled = await runPeerbin(['pull', first], { cwd: here })
  t.same(pulled, { code: 0, stdout: `${join(here, 'small.txt')}\n`, stderr: '' })
  t.same(await readdir(here), ['small.txt'], 'under its own name, and nothing beside it')
  t.equal(await readFile(join(here, 'small.txt'), 'utf8'), 'a small file')

  const again = await runPeerbin(['pull', first, '-o', 'other.txt'], { cwd: here })
  t.equal(again.code, 4)
  t.match(again.stderr, /^peerbin: .* \(link-used\)\n$/)

  const kept = await runPeerbin(['pull', second], { cwd: here })
  t.equal(kept.code, 7)
  t.match(kept.stderr, /exists already/, 'a file that is there is not replaced')
  const toOutput = await runPeerbin(['pull', second.replace('/d/', '/download/'), '-o', '-'], { cwd: here })
  t.same(
    toOutput,
    { code: 0, stdout: 'a small file', stderr: '' },
    'and the link was not spent by that; both forms are taken'
  )
})

t.test('push --json says everything, and the options reach the link', async (t) => {
  const text = await push('small.txt', '--json', '--downloads', '3', '--expires', '2h')
  const answer = JSON.parse(text) as {
    downloads: number
    expiresAt: string
    name: string
    size: number
    deleteUrl: string
  }
  t.match(answer, { downloads: 3, name: 'small.txt', size: 12, deleteUrl: String, senderUrl: /\/s\// })
  const hours = (Date.parse(answer.expiresAt) - Date.now()) / 3_600_000
  t.ok(hours > 1.9 && hours <= 2, 'it expires in two hours')
})

t.test('a password is read from a file or standard input, and pulls need it once', async (t) => {
  await writeFile(join(folder, 'password.txt'), 'Großmutters Geburtstag\n')
  await writeFile(join(folder, 'wrong.txt'), 'a guess\n')
  const link = await push('small.txt', '--password-file', 'password.txt', '--downloads', '2')
  const there = join(folder, 'there')
  await mkdir(there)
  const without = await runPeerbin(['pull', link], { cwd: there })
  t.equal(without.code, 2)
  t.match(without.stderr, /give --password-file or --password-stdin \(usage\)/)
  const wrong = await runPeerbin(['pull', link, '--password-file', '../wrong.txt'], { cwd: there })
  t.equal(wrong.code, 4)
  t.match(wrong.stderr, /\(password-wrong\)/)
  t.same(await readdir(there), [])
  const right = await runPeerbin(['pull', link, '--password-file', '../password.txt'], { cwd: there })
  t.same(right, { code: 0, stdout: `${join(there, 'small.txt')}\n`, stderr: '' })
  const toOutput = await runPeerbin(['pull', link, '-o', '-', '--password-file', '../password.txt'], {
    cwd: there
  })
  t.same(toOutput, { code: 0, stdout: 'a small file', stderr: '' })
  const used = await runPeerbin(['pull', link, '--password-file', '../password.txt', '-o', '-'], {
    cwd: there
  })
  t.match(used.stderr, /\(link-used\)/)
  const both = await runPeerbin(['push', 'small.txt', '--password-stdin', '--password-file', 'wrong.txt'], {
    env,
    cwd: folder
  })
  t.equal(both.code, 2, 'one source is enough')
})

t.test('push --qr draws the link beside it', async (t) => {
  const { code, stdout, stderr } = await runPeerbin(['push', '--qr', 'small.txt'], { env, cwd: folder })
  t.equal(code, 0)
  t.match(stdout, /^http:\S+\n$/)
  t.equal(stderr, terminalText(qrCode(stdout.trim()) ?? { size: 0, isDark: () => false }, false))
})

t.test('push says what is wrong with a file, and with --each goes on with the others', async (t) => {
  for (const [path, code, text] of [
    ['missing.txt', 7, /missing\.txt does not exist \(local-file\)/],
    ['empty.txt', 2, /empty\.txt is empty.* \(empty-file\)/],
    ['/dev/null', 7, /is not a file \(local-file\)/],
    ['-', 2, /standard input.*\(usage\)/]
  ] as const) {
    const result = await runPeerbin(['push', path], { env, cwd: folder })
    t.equal(result.code, code, path)
    t.equal(result.stdout, '')
    t.match(result.stderr, text)
  }
  const bundle = await runPeerbin(['push', 'small.txt', 'missing.txt'], { env, cwd: folder })
  t.match(
    bundle,
    { code: 7, stdout: '', stderr: /missing\.txt does not exist/ },
    'of a bundle nothing is sent'
  )
  const mixed = await runPeerbin(['push', '--each', 'missing.txt', 'small.txt'], { env, cwd: folder })
  t.equal(mixed.code, 7)
  t.match(mixed.stderr, /missing\.txt/)
  t.match(mixed.stdout, /^http:\S+\n$/, 'the good one has its link')
})

t.test('push reports what the server refuses', async (t) => {
  await writeFile(join(folder, 'huge.bin'), '')
  await truncate(join(folder, 'huge.bin'), 65_000_000)
  const huge = await runPeerbin(['push', 'huge.bin'], { env, cwd: folder })
  t.equal(huge.code, 4)
  t.match(huge.stderr, /\(too-large\)/)
  const often = await runPeerbin(['push', '--downloads', '10000', 'small.txt'], { env, cwd: folder })
  t.equal(often.code, 2)
  t.match(often.stderr, /downloads.* \(invalid-field\)/)
})

t.test('commands that reach no server say so', async (t) => {
  const nowhere = { PEERBIN_SERVER: 'http://127.0.0.1:1' }
  const pushed = await runPeerbin(['push', 'small.txt'], { env: nowhere, cwd: folder })
  t.same([pushed.code, pushed.stdout], [3, ''])
  t.match(
    pushed.stderr,
    /^peerbin: cannot reach http:\/\/127\.0\.0\.1:1: nothing listens there \(server-unreachable\)\n$/
  )
  t.equal((await runPeerbin(['status'], { env: nowhere })).code, 3)
})

t.test('names that would leave the folder or hide do not', async (t) => {
  const body = new FormData()
  body.append('file', new Blob(['x']), '..\\.bashrc')
  const answer = await fetch(`${url}/upload`, {
    method: 'POST',
    body,
    headers: { accept: 'application/json' }
  })
  const { url: link } = (await answer.json()) as { url: string }
  const into = join(folder, 'into')
  await mkdir(into)
  t.equal((await runPeerbin(['pull', link, '-o', into])).code, 0)
  t.same(await readdir(into), ['bashrc'])
})

t.test('a pull that is killed goes on where it was, and nobody else can', async (t) => {
  const bytes = randomBytes(40_000_000)
  await writeFile(join(folder, 'large.bin'), bytes)
  const link = await push('large.bin')
  const proxy = await stallingProxy(new URL(url), 10_000_000)
  t.teardown(() => proxy.close())
  const slow = link.replace(url, proxy.url)
  const into = join(folder, 'resumed')
  await mkdir(into)
  const part = join(into, 'large.bin.peerbin-part')

  const first = new PeerbinProcess(['pull', slow, '-o', into])
  await first.until(
    'a part has arrived',
    () => existsSync(part) && stat(part).then(({ size }) => size > 9_000_000)
  )
  await first.stop('SIGKILL')
  t.same((await readdir(into)).toSorted(), ['large.bin.peerbin-part', 'large.bin.peerbin-part.json'])
  t.equal((await stat(`${part}.json`)).mode & 0o077, 0, 'the claim is readable by its owner only')
  proxy.release()

  const stranger = await runPeerbin(['pull', link, '-o', join(folder, 'stranger.bin')])
  t.equal(stranger.code, 4, 'the link is spent for everybody else')
  const second = await runPeerbin(['pull', slow, '-o', into])
  t.equal(second.code, 0)
  t.match(second.stderr, /^peerbin: going on at byte \d+ of 40000000\n$/)
  t.ok(bytes.equals(await readFile(join(into, 'large.bin'))), 'the file is whole')
  t.same(await readdir(into), ['large.bin'], 'and nothing is left beside it')
})

t.test('a part that rotted on disk is fetched again', async (t) => {
  const bytes = randomBytes(20_000_000)
  await writeFile(join(folder, 'rot.bin'), bytes)
  const link = await push('rot.bin')
  const proxy = await stallingProxy(new URL(url), 5_000_000)
  t.teardown(() => proxy.close())
  const target = join(folder, 'rotten.bin')
  const part = `${target}.peerbin-part`
  const first = new PeerbinProcess(['pull', link.replace(url, proxy.url), '-o', target])
  await first.until(
    'a part has arrived',
    () => existsSync(part) && stat(part).then(({ size }) => size > 4_000_000)
  )
  await first.stop('SIGINT')
  const { size } = await stat(part)
  await writeFile(part, Buffer.alloc(size))
  const second = await runPeerbin(['pull', link, '-o', target])
  t.equal(second.code, 0)
  t.match(second.stderr, /does not match the file; it is fetched again/)
  t.ok(bytes.equals(await readFile(target)))
})

t.test('status shows nodes, space, files and chunks that lack copies', async (t) => {
  const table = await runPeerbin(['status'], { env })
  t.equal(table.code, 0)
  t.match(table.stdout, /^nodes: +3 active of 3;/m)
  t.match(table.stdout, /^files: +\d+ \(/m)
  t.match(table.stdout, /^chunks: +\d+ \(.*\), /m)
  const json = await runPeerbin(['status', '--json', '--server', url])
  const status = JSON.parse(json.stdout) as { nodes: unknown[]; chunksOwed: number }
  t.equal(status.nodes.length, 3)
  t.type(status.chunksOwed, 'number')
})

t.test('no log holds a token, a claim, a key, an upload’s address or the cluster secret', async (t) => {
  const link = await push('small.txt')
  await runPeerbin(['pull', link, '-o', join(folder, 'logged.txt')])
  await runPeerbin(['pull', link, '-o', join(folder, 'refused.txt')])
  const [sealed = '', key = ''] = (await push('--encrypt', 'small.txt')).split('#')
  const encrypted = await runPeerbin(['pull', `${sealed}#${key}`, '-o', join(folder, 'opened.txt')])
  t.equal(encrypted.code, 0, encrypted.stderr)
  t.equal(await readFile(join(folder, 'opened.txt'), 'utf8'), 'a small file')
  await up.stop()
  const logs = join(folder, 'data', 'logs')
  const text = (
    await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')))
  ).join('')
  const joinString = (await readFile(join(folder, 'data', 'join'), 'utf8')).trim()
  t.notOk(text.includes(link.split('/').at(-1) ?? ''), 'no token')
  t.notOk(text.includes(sealed.split('/').at(-1) ?? ''), 'nor of an encrypted link')
  t.notOk(text.includes(key), 'no key')
  t.notMatch(text, /files\/[\w-]{16}/, 'no address of an upload')
  t.notOk(text.includes(joinString), 'no join string')
  t.notMatch(text, /claim=/)
})

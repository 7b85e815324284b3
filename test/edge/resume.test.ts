/**
 * The clients people have, over connections that break: each ends with the whole file, for one redemption, without knowing about claims. The browser is in
 * browser-downloads.test.ts, `peerbin pull` in ../e2e/push-pull.test.ts.
 */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import type { Test } from 'tap'
import { cuttingProxy } from '../kit/cutting-proxy.ts'
import type { CuttingProxy } from '../kit/cutting-proxy.ts'
import { stallingProxy } from '../kit/stalling-proxy.ts'
import { testFolder } from '../kit/test-folder.ts'
import { until } from '../kit/until.ts'
import { askAsStranger, claimsMade, newSecret } from './claims.ts'
import { curl } from './clients.ts'
import { sampleBytes, startEdges, upload } from './edge-cluster.ts'

const NAME = 'holiday pictures.zip'
const bytes = sampleBytes(9_000_000)

/** Why tests of a program are left out; CI has all of them. */
function missing(program: string, debianPackage = program): string | false {
  if (spawnSync(program, ['--version']).status === 0) return false
  if (process.env['CI'] !== undefined) return false
  return `${program} is not installed: apt-get install ${debianPackage}`
}

/** Runs a program to its end; what it says is told when it fails. */
async function run(t: Test, program: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => said.push(piece))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) t.comment(Buffer.concat(said).toString())
  return code
}

t.setTimeout(900_000)

t.test('clients get the whole file through broken connections, for one redemption', async (t) => {
  const cluster = await startEdges(t, { edges: 2 })
  const { url } = cluster
  const begin = async (t: Test, cuts: number, options: { nextTarget?: string; afterBytes?: number } = {}) => {
    const { directUrl, url: page } = await upload(url(), bytes, { name: NAME })
    const line = await cuttingProxy(t, url(), { afterBytes: 3_000_000, cuts, ...options })
    return { directUrl, page, address: directUrl.replace(url(), line.url), line }
  }
  /** One redemption, all of its bytes, and nothing for anybody else. */
  const isRight = async (
    t: Test,
    got: Buffer,
    { directUrl, line }: { directUrl: string; line: Pick<CuttingProxy, 'cuts'> },
    cuts: number
  ) => {
    t.ok(bytes.equals(got), 'every byte is right')
    t.equal(line.cuts, cuts, 'the line was cut')
    t.equal(await claimsMade(cluster, directUrl), 1)
    for (const edge of [0, 1]) t.equal(await askAsStranger(directUrl.replace(url(), url(edge))), 410)
    t.equal(await claimsMade(cluster, directUrl), 1, 'also after others have asked')
  }

  t.test('curl -OJ', async (t) => {
    const share = await begin(t, 0)
    const dir = testFolder(t)
    t.equal((await curl(['-OJ', '--output-dir', dir, share.address])).code, 0)
    t.same(await readdir(dir), [NAME])
    await isRight(t, await readFile(`${dir}/${NAME}`), share, 0)
  })

  t.test('curl with a cookie jar', async (t) => {
    const share = await begin(t, 2)
    const dir = testFolder(t)
    const args = ['-C', '-', '-b', `${dir}/jar`, '-c', `${dir}/jar`, '-o', `${dir}/file`, share.address]
    const codes = []
    for (let i = 0; i < 3; i++) codes.push((await curl(args)).code)
    t.same(codes, [18, 18, 0], 'it says when the transfer broke')
    await isRight(t, await readFile(`${dir}/file`), share, 2)
  })

  t.test('curl with the claim URL of a secret of its own', async (t) => {
    const share = await begin(t, 2)
    const file = `${testFolder(t)}/file`
    const args = ['-C', '-', '-o', file, `${share.address}?claim=${newSecret()}`]
    const codes = []
    for (let i = 0; i < 3; i++) codes.push((await curl(args)).code)
    t.same(codes, [18, 18, 0])
    await isRight(t, await readFile(file), share, 2)
  })

  t.test('curl with the claim URL that the answer gave', async (t) => {
    const share = await begin(t, 1)
    const dir = testFolder(t)
    const args = ['-o', `${dir}/file`, '-D', `${dir}/headers`]
    t.equal((await curl([...args, share.address])).code, 18)
    const headers = await readFile(`${dir}/headers`, 'latin1')
    const claimUrl = /^content-location: (\S+)\r$/im.exec(headers)?.[1] ?? ''
    t.equal((await curl(['-C', '-', '-o', `${dir}/file`, share.line.url + claimUrl])).code, 0)
    await isRight(t, await readFile(`${dir}/file`), share, 1)
  })

  t.test('plain curl -C - cannot be told from a stranger', async (t) => {
    const { address, directUrl } = await begin(t, 1)
    const file = `${testFolder(t)}/file`
    t.equal((await curl(['-o', file, address])).code, 18)
    const { stdout } = await curl(['-C', '-', '-f', '-o', file, '-w', '%{http_code}', address])
    t.equal(stdout.toString(), '410')
    t.equal(await claimsMade(cluster, directUrl), 1)
  })

  t.test('the button, by curl', async (t) => {
    const { page, directUrl } = await begin(t, 0)
    const { stdout } = await curl(['-L', '-d', '', page])
    t.ok(bytes.equals(stdout))
    t.equal(await claimsMade(cluster, directUrl), 1)
  })

  t.test('wget, by its own retries', { skip: missing('wget') }, async (t) => {
    const share = await begin(t, 2)
    const dir = testFolder(t)
    const args = ['-q', '--tries=5', '--waitretry=0', '--content-disposition', '-P', dir, share.address]
    t.equal(await run(t, 'wget', args), 0)
    t.same(await readdir(dir), [NAME])
    await isRight(t, await readFile(`${dir}/${NAME}`), share, 2)
  })

  t.test('wget, begun again later with the cookies that it saved', { skip: missing('wget') }, async (t) => {
    const share = await begin(t, 1)
    const dir = testFolder(t)
    const get = (...args: string[]) =>
      run(t, 'wget', ['-q', '--tries=1', '-O', `${dir}/file`, ...args, share.address])
    t.not(await get('--save-cookies', `${dir}/jar`, '--keep-session-cookies'), 0, 'it was cut')
    t.equal(await get('-c', '--load-cookies', `${dir}/jar`), 0)
    await isRight(t, await readFile(`${dir}/file`), share, 1)
  })

  /** Four connections: small files are not split unless it is told how small a part may be. */
  const aria2 = (dir: string, address: string): string[] =>
    '-x4 -s4 -k1M --retry-wait=1 --max-tries=5 --no-conf --summary-interval=0 --console-log-level=warn'
      .split(' ')
      .concat('-d', dir, address)
  const skip = missing('aria2c', 'aria2')

  t.test('aria2c, several connections in one claim', { skip }, async (t) => {
    const share = await begin(t, 0)
    const dir = testFolder(t)
    t.equal(await run(t, 'aria2c', aria2(dir, share.address)), 0)
    t.ok(share.line.connections > 1, `${share.line.connections} connections`)
    t.same(await readdir(dir), [NAME])
    await isRight(t, await readFile(`${dir}/${NAME}`), share, 0)
  })

  t.test('aria2c, cut in the middle of several connections', { skip }, async (t) => {
    const share = await begin(t, 3, { afterBytes: 1_000_000 })
    const dir = testFolder(t)
    t.equal(await run(t, 'aria2c', aria2(dir, share.address)), 0)
    await isRight(t, await readFile(`${dir}/${NAME}`), share, 3)
  })

  t.test(
    'aria2c, ended in the middle and begun again with the cookies that it saved',
    { skip },
    async (t) => {
      const { directUrl } = await upload(url(), bytes, { name: NAME })
      const line = await stallingProxy(new URL(url()), 1_000_000)
      t.teardown(() => line.close())
      const dir = testFolder(t)
      const args = aria2(dir, directUrl.replace(url(), line.url))
      const first = spawn('aria2c', [...args, `--save-cookies=${dir}/jar`], { stdio: 'ignore' })
      const ended = once(first, 'close')
      await until('a part is there', () => existsSync(`${dir}/${NAME}.aria2`) && existsSync(`${dir}/${NAME}`))
      first.kill('SIGINT')
      t.not(((await ended) as [number])[0], 0)
      line.release()
      t.equal(await run(t, 'aria2c', [...args, '-c', `--load-cookies=${dir}/jar`]), 0)
      await isRight(t, await readFile(`${dir}/${NAME}`), { directUrl, line: { cuts: 0 } }, 0)
    }
  )

  /** A program that resumes as RFC 9110 says: it sends the validator back and knows nothing of claims. */
  async function fetchResuming(address: string): Promise<{ got: Buffer; statuses: number[] }> {
    const pieces: Uint8Array[] = []
    const statuses: number[] = []
    let etag: string | null = null
    let size = Number.POSITIVE_INFINITY
    for (let got = 0; got < size && statuses.length < 9;) {
      const resume = etag === null ? {} : { range: `bytes=${got}-`, 'if-range': etag }
      const answer: Response = await fetch(address, { headers: resume })
      statuses.push(answer.status)
      if (answer.status !== 206) size = Number(answer.headers.get('content-length'))
      etag = answer.headers.get('etag')
      try {
        for await (const piece of answer.body ?? []) {
          const part = piece as Uint8Array
          pieces.push(part)
          got += part.byteLength
        }
      } catch {
        // the line was cut
      }
    }
    return { got: Buffer.concat(pieces), statuses }
  }

  t.test('fetch, with Range and If-Range', async (t) => {
    const share = await begin(t, 2)
    const { got, statuses } = await fetchResuming(share.address)
    t.same(statuses, [200, 206, 206])
    await isRight(t, got, share, 2)
  })

  t.test('fetch, going on at another edge', async (t) => {
    const share = await begin(t, 1, { nextTarget: url(1) })
    const { got, statuses } = await fetchResuming(share.address)
    t.same(statuses, [200, 206])
    await isRight(t, got, share, 1)
  })

  t.test('wget, going on at another edge', { skip: missing('wget') }, async (t) => {
    const share = await begin(t, 1, { nextTarget: url(1) })
    const file = `${testFolder(t)}/file`
    t.equal(await run(t, 'wget', ['-q', '--tries=5', '--waitretry=0', '-O', file, share.address]), 0)
    await isRight(t, await readFile(file), share, 1)
  })
})

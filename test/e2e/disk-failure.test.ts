import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { listedProcesses, startUp } from '../kit/processes.ts'
import { until } from '../kit/until.ts'
import { testFolder } from '../kit/test-folder.ts'

t.setTimeout(300_000)
const run = promisify(execFile)

/** Sets a limit of another process; Debian's util-linux has it. */
function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'])
    return true
  } catch {
    return false
  }
}

const skip = hasPrlimit() ? false : 'prlimit is not installed'

t.test(
  'a role whose write fails says so and ends with 7, and all is there after a restart',
  { skip },
  async (t) => {
    const data = join(testFolder(t), 'data')
    const file = join(t.testdirName, 'file.bin')
    await writeFile(file, randomBytes(300_000))
    const upload = async (url: string): Promise<string> =>
      (await run('curl', ['-sS', '-m', '60', '-T', file, `${url}/`])).stdout.trim()
    const download = async (url: string, link: string): Promise<string> => {
      const target = url + new URL(link).pathname.replace('/d/', '/download/')
      return (await run('curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code}', target])).stdout
    }

    const first = await startUp(data)
    t.teardown(() => first.up.stop('SIGKILL'))
    const failAtNextWrite = async (name: string): Promise<number> => {
      const pid = (await listedProcesses(data)).find((listed) => listed.name === name)?.pid ?? 0
      // no file of it may grow beyond one byte, its log included
      await run('prlimit', ['--pid', String(pid), '--fsize=1'])
      return pid
    }
    const endOf = async (name: string, pid: number): Promise<void> => {
      const line = new RegExp(
        `^peerbin: ${name} \\(pid ${pid}\\) died: ended with exit code 7: .*\\(store-failed\\)`,
        'm'
      )
      await first.up.until(`the end of ${name} is reported`, () => line.test(first.up.stderr), 30_000)
      // the report comes first, the list is written right after it
      await until(`${name} is listed as dead`, async () => {
        const listed = (await listedProcesses(data)).find((entry) => entry.name === name)
        return listed?.state === 'died'
      })
    }

    const links = [await upload(first.url)]
    const node = await failAtNextWrite('node-2')
    links.push(await upload(first.url))
    await endOf('node-2', node)
    links.push(await upload(first.url))

    const controller = await failAtNextWrite('controller')
    const lost = new AbortController()
    const refused = run('curl', ['-sS', '-T', file, `${first.url}/`], { signal: lost.signal }).catch(
      () => undefined
    ) // nobody is left to answer it
    await endOf('controller', controller)
    lost.abort()
    await refused
    await first.up.stop()

    const second = await startUp(data)
    t.teardown(() => second.up.stop())
    for (const link of links)
      t.equal(await download(second.url, link), '200', 'what was acknowledged comes down')
  }
)

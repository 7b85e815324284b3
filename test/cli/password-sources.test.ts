import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runInProcess } from '../kit/cli-context.ts'
import { testFolder } from '../kit/test-folder.ts'
import { sampleBytes, startEdges } from '../edge/edge-cluster.ts'

t.test('a person is asked: twice to choose a password, once to give it', async (t) => {
  const { url } = await startEdges(t)
  const cwd = testFolder(t, { 'plans.pdf': sampleBytes(10_000) })
  const server = ['--server', url()]
  const slip = await runInProcess(['push', ...server, '--ask-password', 'plans.pdf'], {
    cwd,
    answers: ['one', 'two']
  })
  t.match(slip, { code: 2, stdout: '', stderr: /not the same \(usage\)/ })
  const pushed = await runInProcess(['push', ...server, '--ask-password', 'plans.pdf'], {
    cwd,
    answers: ['mine', 'mine']
  })
  t.match(pushed, { code: 0, stderr: '' })
  const link = pushed.stdout.trim()
  t.match(await runInProcess(['pull', '-o', 'x', link], { cwd, answers: ['guess'] }), {
    code: 4,
    stderr: /password-wrong/
  })
  t.match(await runInProcess(['pull', '-o', 'x', link], { cwd, answers: [''] }), {
    code: 2,
    stderr: /no password/
  })
  t.match(await runInProcess(['pull', '-o', 'x', link], { cwd, answers: ['mine'] }), { code: 0, stderr: '' })
})

t.test('what is read is the first line, and it has to be a password', async (t) => {
  const { url } = await startEdges(t)
  const cwd = testFolder(t, { 'plans.pdf': sampleBytes(10_000) })
  const server = ['--server', url()]
  const push = async (...argv: string[]) => runInProcess(['push', ...server, ...argv, 'plans.pdf'], { cwd })
  const pushed = await runInProcess(['push', ...server, '--password-stdin', 'plans.pdf'], {
    cwd,
    input: 'mine\r\nand more\n'
  })
  t.match(pushed, { code: 0, stderr: '' })
  writeFileSync(join(cwd, 'mine.txt'), 'mine')
  t.match(
    await runInProcess(['pull', '-o', 'x', '--password-file', 'mine.txt', pushed.stdout.trim()], { cwd }),
    {
      code: 0
    }
  )
  writeFileSync(join(cwd, 'empty.txt'), '\nsecond line')
  writeFileSync(join(cwd, 'long.txt'), 'x'.repeat(1025))
  t.match(await push('--password-file', 'empty.txt'), { code: 2, stderr: /no password in the first line/ })
  t.match(await push('--password-file', 'long.txt'), { code: 2, stderr: /at most 1024 bytes/ })
  t.match(await push('--password-file', 'missing.txt'), { code: 7, stderr: /cannot read/ })
  t.match(await push('--ask-password'), { code: 2, stderr: /no terminal/ })
})

t.test('spaces around a password count, and what no header can hold', async (t) => {
  const { url } = await startEdges(t)
  for (const password of [' mine', 'mine  ', '\tmine', 'mi\u0001ne', ' großer Abstand ']) {
    const cwd = testFolder(t, { 'plans.pdf': sampleBytes(1000), 'password.txt': Buffer.from(password) })
    const file = ['--password-file', 'password.txt']
    const pushed = await runInProcess(['push', '--server', url(), ...file, 'plans.pdf'], { cwd })
    const pulled = await runInProcess(['pull', '-o', 'x', ...file, pushed.stdout.trim()], { cwd })
    t.match(pulled, { code: 0 }, JSON.stringify(password))
  }
})

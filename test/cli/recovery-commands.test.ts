import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { newClusterKey, writeClusterKey } from '../../src/compose/cluster-key.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { runInProcess } from '../kit/cli-context.ts'
import { testFolder } from '../kit/test-folder.ts'

t.test('help of backup, restore and links shows examples, and says when they are of use', async (t) => {
  for (const command of ['backup', 'restore', 'links']) {
    const { code, stdout } = await runInProcess([command, '--help'])
    t.equal(code, 0)
    t.match(stdout, new RegExp(`^Usage: peerbin ${command}`))
    t.match(stdout, /^Examples:\n {2}\S/m)
    t.match((await runInProcess(['--help'])).stdout, new RegExp(`^  ${command} `, 'm'))
  }
  const { stdout } = await runInProcess(['controller', '--help'])
  t.match(
    stdout.replaceAll(/\s+/g, ' '),
    /--recover take over from a controller whose machine is gone, and only then/
  )
  t.match(stdout, /only when that machine is gone/)
})

t.test('wrong flags say what is wrong', async (t) => {
  for (const [argv, text] of [
    [['controller', '--peer', '/ip4/10.0.0.7/tcp/4811'], /--peer goes with --recover/],
    [['controller', '--recover', '--peer', 'lab1:4811'], /Give an address like/],
    [['controller', '--recover', '--peer', '/ip4/1.2.3.4/udp/1'], /Give an address like/],
    [['node', '--recover'], /unknown option '--recover'/],
    [['backup'], /missing required argument 'file'/],
    [['restore'], /missing required argument 'file'/],
    [['links', 'resume'], /name the files .* or give --all/],
    [['links', 'resume', 'x', '--all'], /name the files .* or give --all/]
  ] as Array<[string[], RegExp]>) {
    const { code, stdout, stderr } = await runInProcess(argv, { cwd: testFolder(t) })
    t.equal(code, 2, argv.join(' '))
    t.equal(stdout, '')
    t.match(stderr, text)
    t.match(stderr, /^peerbin: [^\n]*\(usage\)\n$/)
  }
})

t.test('a folder that belongs to no cluster, or to another one, is refused', async (t) => {
  const home = testFolder(t, { mine: {}, 'a.backup': 'what is this' })
  for (const argv of [
    ['backup', 'x.backup'],
    ['restore', 'a.backup'],
    ['links'],
    ['links', 'resume', '--all'],
    ['controller', '--recover']
  ]) {
    const { code, stderr } = await runInProcess([...argv, '--data', join(home, 'none')], { cwd: home })
    t.match([code, stderr], [2, /belongs to no cluster.*\(join-string-invalid\)\n$/], argv.join(' '))
  }
  await writeClusterKey(join(home, 'mine'), newClusterKey(systemRandom))
  const damaged = await runInProcess(['restore', 'a.backup', '--data', join(home, 'mine')], { cwd: home })
  t.match([damaged.code, damaged.stderr], [4, /(?:no backup of peerbin|damaged).*\(restore-refused\)\n$/])
  const missing = await runInProcess(['restore', 'b.backup', '--data', join(home, 'mine')], { cwd: home })
  t.match([missing.code, missing.stderr], [7, /\(local-file\)\n$/])
  await writeFile(join(home, 'there.backup'), 'precious')
  const there = await runInProcess(['backup', 'there.backup', '--data', join(home, 'mine')], { cwd: home })
  t.match([there.code, there.stderr], [7, /is there already.*\(local-file\)\n$/])
  t.equal(await readFile(join(home, 'there.backup'), 'utf8'), 'precious')
  const silent = ['controller', '--recover', '--set', 'snapshot.gatherMs=100', '--set', 'log.level=silent']
  const alone = await runInProcess([...silent, '--data', join(home, 'mine')], { cwd: home })
  t.match([alone.code, alone.stderr], [4, /No node of the cluster was found.*\(recovery-refused\)\n$/])
  const plain = await runInProcess(['controller', '--data', join(home, 'mine')], { cwd: home })
  t.match([plain.code, plain.stderr], [4, /did not come to its end.*\(recovery-refused\)\n$/])
})

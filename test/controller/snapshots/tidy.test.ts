import t from 'tap'
import { withAdmin } from '../../../src/compose/admin.ts'
import { backup } from '../../../src/compose/backup.ts'
import { Tidier } from '../../../src/controller/snapshots/tidy.ts'
import type { SnapshotName } from '../../../src/interfaces.ts'
import type { Term } from '../../../src/types.ts'
import { RecoveryKit } from '../../compose/recovery-kit.ts'
import { until } from '../../kit/until.ts'
import { SnapshotWorld } from './snapshot-world.ts'
import type { GatedSnapshots } from './snapshot-world.ts'

// a cluster in one process, on a machine that may be busy
t.setTimeout(200_000)

const signal = new AbortController().signal
const BLOCK = 2 ** 20

const put = async (
  snapshots: GatedSnapshots,
  term: number,
  kind: SnapshotName['kind'],
  base: number,
  sequence = 0
): Promise<void> =>
  await snapshots.put({ term: term as Term, base, kind, sequence, part: 0, parts: 1 }, Buffer.from('x'))

/** `term.base kind` of all that a node keeps, in order. */
const kept = async (snapshots: GatedSnapshots | undefined): Promise<string[]> =>
  ((await snapshots?.list()) ?? []).map(({ term, base, kind }) => `${term}.${base} ${kind}`)

t.test(
  'what was kept before a recovery stays while the collector is frozen, and goes afterwards',
  async (t) => {
    const world = new SnapshotWorld()
    t.teardown(() => world.stop())
    const { snapshots } = await world.addNode('a')
    const term = (BLOCK + 2) as Term
    const parts = await world.addController('own', term)
    let isFrozen = true
    const deps = { ...parts, term: () => term, keeps: () => undefined, isFrozen: () => isFrozen }
    const tidier = new Tidier(deps)
    const older = ['7.1 base', '7.1 note', '8.4 base', '8.4 changes']
    const fill = async (): Promise<void> => {
      await put(snapshots, 7, 'base', 1)
      await put(snapshots, 7, 'note', 1, 1)
      await put(snapshots, 8, 'base', 4)
      await put(snapshots, 8, 'changes', 4, 1)
      await put(snapshots, BLOCK + 1, 'base', 3)
      await put(snapshots, BLOCK + 1, 'note', 3, 1)
      await put(snapshots, BLOCK + 2, 'base', 1)
      await put(snapshots, BLOCK + 2, 'base', 2)
    }
    await fill()
    await tidier.tidy({ base: 2, safe: 2 }, signal)
    t.same(new Set(await kept(snapshots)), new Set([...older, `${term}.2 base`]), 'its own earlier terms go')
    await tidier.catchUp(signal)
    t.equal((await kept(snapshots)).length, 5, 'it is frozen still')
    isFrozen = false
    await tidier.catchUp(signal)
    t.same(await kept(snapshots), [`${term}.2 base`])

    await fill()
    await tidier.catchUp(signal)
    t.equal((await kept(snapshots)).length, 8, 'nothing was left by the last base')
    await tidier.tidy({ base: 2, safe: undefined }, signal)
    t.equal((await kept(snapshots)).length, 7, 'without a safe base only the bases of this term make way')
    await tidier.tidy({ base: 2, safe: 2 }, signal)
    t.same(await kept(snapshots), [`${term}.2 base`])
  }
)

t.test(
  'a recovered controller has nodes keep what is from before it until an operator resumes the collector',
  async (t) => {
    const kit = new RecoveryKit(t)
    await kit.start()
    await kit.shipBase()
    const old = kit.controller.term
    await kit.loseController()
    await kit.recover()
    const holdsOld = async (): Promise<boolean[]> =>
      await Promise.all(
        kit.nodes.map(async ({ snapshots }) =>
          (await kept(snapshots)).some((name) => name.startsWith(`${old}.`))
        )
      )
    const { config, network } = kit.options('admin')
    // the controller it leads to is gone
    const join = { ...kit.cluster, addresses: [...(kit.nodes[0]?.running.addresses ?? [])] }
    const options = { config, network, join, force: true }
    const ship = async (): Promise<void> =>
      void (await backup(kit.home('admin'), kit.home('any.backup'), options))
    // the second begins when the nodes were tidied after the first
    await ship()
    await ship()
    t.same(await holdsOld(), [true, true, true])
    await withAdmin(kit.home('admin'), options, async (admin) => {
      await admin.controller.call('collector', { action: 'resume' })
    })
    await ship()
    await until('it is gone', async () => !(await holdsOld()).includes(true))
  }
)

import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { removeDraft } from '../../src/compose/controller-folder.ts'
import { recoverFolder, RECOVERY_PLAN } from '../../src/compose/recover.ts'
import type { RecoverOptions } from '../../src/compose/recover.ts'
import type { DraftAccess } from '../../src/compose/recovery-run.ts'
import type { RecoveryReport } from '../../src/controller/recovery/report.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { SqliteMetadataStore } from '../../src/metadata/sqlite-metadata-store.ts'
import { silentLogger } from '../../src/runtime/logger.ts'
import type { PeerId } from '../../src/types.ts'
import { until } from '../kit/until.ts'
import { RecoveryKit } from './recovery-kit.ts'

// several clusters one after the other, on a machine that may be busy
t.setTimeout(400_000)

const bytes = randomBytes(1000)

/** Something that happens when the draft is opened: first to see who is absent, then, when nobody can add to it any more, to make it fit to lead. */
interface Meanwhile {
  readonly atDraft?: () => Promise<void>
  readonly atEnd?: () => Promise<void>
}

async function recover(options: RecoverOptions, meanwhile: Meanwhile): Promise<RecoveryReport> {
  let opened = 0
  const drafts: DraftAccess = {
    storeOf: (file): MetadataStore => {
      const store = new SqliteMetadataStore({ file, operationsWaitingMax: 64, logger: silentLogger })
      const open = store.open.bind(store)
      store.open = async () => {
        await open()
        await (opened++ === 0 ? meanwhile.atDraft?.() : meanwhile.atEnd?.())
      }
      return store
    },
    remove: removeDraft
  }
  const given = { ...options, drafts }
  return await recoverFolder(given, RECOVERY_PLAN)
}

/** A cluster whose controller is cut off with a client, as one that was suspended; and how it comes back. */
async function start(t: Test) {
  const kit = new RecoveryKit(t)
  await kit.start()
  const share = await kit.client.upload(bytes, { name: 'x' })
  const apart: PeerId[] = kit.nodes.map(({ running }) => running.peerId)
  const gone = [kit.controller.peerId, kit.client.peerId]
  const cut = (): void => {
    for (const one of gone) for (const other of apart) kit.hub.cut(one, other)
  }
  const heal = (): void => {
    for (const one of gone) for (const other of apart) kit.hub.heal(one, other)
  }
  const options: RecoverOptions = {
    ...kit.recoverOptions('other'),
    network: (self) => {
      apart.push(self)
      cut()
      return kit.hub.network({ peer: self })
    }
  }
  cut()
  const together = async (): Promise<void> => {
    heal()
    await until('it hears the nodes, and they hear it', () =>
      kit.nodes.every(
        ({ running }) =>
          kit.controller.membership.get(running.peerId)?.liveness === 'active' &&
          running.membership.get(kit.controller.peerId)?.liveness === 'active'
      )
    )
  }
  return { kit, share, options, cut, together }
}

t.test('a controller that goes on while it is replaced is turned away by every node', async (t) => {
  const { kit, share, options, together, cut } = await start(t)
  let redeemed: Buffer | string | undefined
  const recovering = recover(options, {
    atEnd: async () => {
      await together()
      redeemed = await kit.redeem(share.token)
      await until('it has ended', () => kit.controller.membership.get(kit.controller.peerId)?.term === 0)
      cut()
    }
  })
  // refused if a node has heard it lead before it was turned away
  const refusal = await recovering.then(
    () => undefined,
    (error: unknown) => error
  )
  t.type(redeemed, 'string', 'nobody is served by it')
  if (refusal !== undefined)
    t.match(refusal, { code: 'recovery-refused', message: /heard the controller|leads this cluster/ })
})

t.test(
  'one that goes on, and falls silent again, before it is turned away leaves nothing unseen',
  async (t) => {
    const { kit, share, options, together, cut } = await start(t)
    const recovering = recover(options, {
      atDraft: async () => {
        await together()
        t.same(await kit.redeem(share.token), bytes, 'it leads still, as far as anybody knows')
        cut()
      }
    })
    await t.rejects(recovering, {
      code: 'recovery-refused',
      message: /heard the controller|leads this cluster/
    })
    await kit.loseController()
    t.match(await recover(options, {}), { holds: { linksLive: 0, linksSuspended: 1 } })
  }
)

t.test('what nodes were told after they were asked for the first time counts', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const share = await kit.client.upload(bytes, { name: 'x' })
  t.same(await kit.redeem(share.token), bytes)
  await kit.loseController()
  const isNote = ({ kind }: { kind: string }): boolean => kind === 'note'
  /** Puts back what was taken from the nodes: two of them have it. */
  const backs: Array<() => Promise<void>> = []
  for (const { snapshots } of kit.nodes) {
    for (const note of (await snapshots.list()).filter(isNote)) {
      const noted = (await snapshots.get(note)) ?? new Uint8Array(0)
      backs.push(async () => await snapshots.put(note, noted))
      await snapshots.remove([note])
    }
  }
  const [back] = backs
  if (back === undefined) return t.fail('there is a note')
  const report = await recover(kit.recoverOptions('other'), { atDraft: back })
  t.match(report, { links: { allSuspended: null }, holds: { linksLive: 0, linksSuspended: 1 } })
})

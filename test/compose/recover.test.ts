import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { recoverController } from '../../src/compose/recover.ts'
import { createController } from '../../src/index.ts'
import { decodeManifest, looksLikeManifest } from '../../src/protocol/manifest.ts'
import { systemClock } from '../../src/runtime/clock.ts'
import { failpoints } from '../../src/runtime/failpoints.ts'
import type { Generation, PeerId } from '../../src/types.ts'
import { until } from '../kit/until.ts'
import { RecoveryKit } from './recovery-kit.ts'

// several clusters one after the other, on a machine that may be busy
t.setTimeout(400_000)

const bytes = randomBytes(100_000)

t.test(
  'what was acknowledged after the last snapshot is found, and what was redeemed then is not redeemed again',
  async (t) => {
    const kit = new RecoveryKit(t)
    await kit.start()
    const kept = await kit.client.upload(bytes, { name: 'kept' })
    const used = await kit.client.upload(bytes, { name: 'used' })
    const twice = await kit.client.upload(bytes, { name: 'twice', downloads: 2 })
    for (const { token } of [used, twice]) t.ok(bytes.equals((await kit.redeem(token)) as Buffer))
    const { term } = kit.controller
    await kit.loseController()

    const report = await kit.recover()
    t.match(report, {
      kind: 'recovery',
      from: { term: 1, base: 1, changes: 0 },
      nodes: { length: 3 },
      absentNodes: { length: 0 },
      found: { adopted: 3, incomplete: 0, unreadable: 0 },
      links: { allSuspended: null },
      holds: { files: 3, linksLive: 1, linksSuspended: 2 }
    })
    t.same(JSON.parse(await readFile(join(kit.home('other'), 'controller', 'recovery.json'), 'utf8')), report)
    t.equal(kit.controller.term, report.term + 1)
    t.ok(report.term >= 2 ** 20 && report.term < 1.5 * 2 ** 20)
    t.ok(kit.controller.term > term)
    t.equal(await kit.redeem(used.token), 'link-suspended')
    t.equal(await kit.redeem(twice.token), 'link-suspended', 'nobody knows how often')
    t.ok(bytes.equals((await kit.redeem(kept.token)) as Buffer))
    t.equal(await kit.redeem(kept.token), 'link-used')
    t.match(await kit.controller.status(), { collector: { frozen: /^recovered at / }, linksSuspended: 2 })
    const more = await kit.client.upload(randomBytes(10), { name: 'more' })
    t.type(await kit.redeem(more.token), Buffer)
  }
)

t.test('a link that only a manifest tells of still asks for its password', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const before = await kit.client.upload(bytes, { name: 'before', password: 'in the snapshot' })
  await kit.shipBase()
  const after = await kit.client.upload(bytes, { name: 'after', password: 'in the manifest' })
  t.ok(after.isProtected)
  const secret = { indexBytes: 4, encryption: 'aes256gcm-1', proof: 'of the key' } as const
  const sealed = await kit.client.upload(bytes, { name: 'encrypted', ...secret })
  await kit.loseController()
  t.match(await kit.recover(), { found: { adopted: 2 }, holds: { linksLive: 3 } })
  t.equal(await kit.redeem(sealed.token), 'proof-required', 'and for the proof of its key')
  const opened = await kit.client.download(sealed.token, { proof: 'of the key' })
  t.match(opened.file, { indexBytes: 4, encryption: 'aes256gcm-1' })
  t.ok(bytes.subarray(0, -4).equals(await opened.buffer()), 'and it knows where the index begins')
  for (const [{ token }, password] of [
    [before, 'in the snapshot'],
    [after, 'in the manifest']
  ] as const) {
    t.equal(await kit.redeem(token), 'password-required')
    t.equal(await kit.redeem(token, 'a guess'), 'password-wrong')
    t.ok(bytes.equals((await kit.redeem(token, password)) as Buffer))
    t.equal(await kit.redeem(token, password), 'link-used')
  }
})

t.test(
  'a node that is absent may know of a redemption, unless it was on the machine that is lost',
  async (t) => {
    const kit = new RecoveryKit(t)
    await kit.start(2)
    const near = await kit.addNode('c')
    await kit.addNode()
    const kept = await kit.client.upload(bytes, { name: 'kept' })
    const used = await kit.client.upload(bytes, { name: 'used' })
    await kit.shipBase()
    t.type(await kit.redeem(used.token), Buffer)
    await kit.loseController()
    await near.running.stop()

    const one = await recoverController(kit.recoverOptions('one'))
    t.match(one, {
      absentNodes: [{ peer: near.running.peerId, host: 'c' }],
      links: { allSuspended: null },
      holds: { linksLive: 1, linksSuspended: 1 }
    })
    const gone = kit.nodes.at(-1)
    await gone?.running.stop()
    const two = await kit.recover('two')
    t.match(two, {
      absentNodes: { length: 2 },
      links: { allSuspended: new RegExp(`${gone?.running.peerId} was there`) },
      holds: { linksLive: 0, linksSuspended: 2 }
    })
    for (const { token } of [kept, used]) t.equal(await kit.redeem(token), 'link-suspended')
  }
)

t.test('a node that is heard late is waited for, if the snapshot names it', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const used = await kit.client.upload(bytes, { name: 'used' })
  await kit.shipBase()
  t.type(await kit.redeem(used.token), Buffer)
  await kit.loseController()
  await kit.client.stop()
  const [near, ...others] = kit.nodes.map(({ running }) => running)
  if (near === undefined) return t.fail('there are nodes')
  const late = others.map(({ peerId }) => peerId)
  const apart: PeerId[] = [near.peerId]
  for (const node of late) kit.hub.cut(near.peerId, node)
  await until('they are thought down', () => near.membership.active('node').length === 1)
  const options = kit.recoverOptions('late')
  const told: string[] = []
  const report = await recoverController({
    ...options,
    network: (self) => {
      apart.push(self)
      for (const other of apart) for (const node of late) kit.hub.cut(other, node)
      return kit.hub.network({ peer: self })
    },
    onProgress: (text) => {
      told.push(text)
      if (!text.startsWith('waiting for')) return
      for (const other of apart) for (const node of late) kit.hub.heal(other, node)
    }
  })
  t.ok(told.includes('waiting for 2 more that the snapshot names'), told.join('; '))
  t.match(report, {
    nodes: { length: 3 },
    absentNodes: { length: 0 },
    links: { allSuspended: null },
    holds: { linksSuspended: 1 }
  })
})

t.test(
  'a file that was committed right after the snapshot is found, although the snapshot has its upload open',
  async (t) => {
    const kit = new RecoveryKit(t)
    await kit.start()
    const disarm = failpoints.arm('upload.commit.beforeStore', { kind: 'run', run: () => kit.shipBase() })
    const share = await kit.client.upload(bytes, { name: 'late' })
    disarm()
    await kit.loseController()
    const report = await kit.recover()
    t.match(report, { from: { base: 2 }, found: { adopted: 1 }, uploadsGivenUp: 1 })
    t.ok(bytes.equals((await kit.redeem(share.token)) as Buffer))
  }
)

t.test('a clock that is ahead on the new machine ends no link early', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const share = await kit.client.upload(bytes, { name: 'short', ttlMs: 1_800_000 })
  await kit.loseController()
  const clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 }
  const report = await recoverController({ ...kit.recoverOptions('other'), clock })
  t.match(report.found, { adopted: 1, expired: 0 })
  await kit.lead('other')
  t.ok(bytes.equals((await kit.redeem(share.token)) as Buffer))
})

t.test('without any snapshot the manifests bring every file back, and every link is suspended', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const large = randomBytes(9_000_000)
  const shares = [
    await kit.client.upload(large, { name: 'large', metadata: { a: 'b' } }),
    await kit.client.upload(bytes, { name: 'small' })
  ]
  await kit.loseController()
  for (const { snapshots } of kit.nodes) await snapshots.remove(await snapshots.list())
  const report = await kit.recover()
  t.match(report, {
    from: null,
    found: { adopted: 2, adoptedFiles: [{ link: 'suspended' }, { link: 'suspended' }] },
    links: { allSuspended: /no snapshot was found/ },
    holds: { files: 2, linksLive: 0, linksSuspended: 2 }
  })
  for (const { token } of shares) t.equal(await kit.redeem(token), 'link-suspended')
})

t.test('a file of which a chunk is on no node is listed, and not served', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const share = await kit.client.upload(randomBytes(5_000_000), { name: 'torn' })
  for (const { chunks } of kit.nodes) {
    const [first] = (await chunks.list({ limit: 10 })).filter(
      ({ manifest, sizeBytes }) => !manifest && sizeBytes < 4_000_000
    )
    if (first !== undefined) await chunks.delete(first.id, Number.MAX_SAFE_INTEGER as Generation)
  }
  await kit.loseController()
  const report = await kit.recover()
  t.match(report.found, {
    adopted: 0,
    incomplete: 1,
    incompleteFiles: [{ id: share.file.id, name: 'torn', missingChunks: 1 }]
  })
  t.equal(await kit.redeem(share.token), 'link-unknown')
})

t.test(
  'a piece that is damaged on one node comes from another; one that is lost suspends all links',
  async (t) => {
    const kit = new RecoveryKit(t)
    await kit.start()
    const share = await kit.client.upload(bytes, { name: 'kept' })
    await kit.loseController()
    const damage = async (snapshots: (typeof kit.nodes)[number]['snapshots']): Promise<void> => {
      for (const { sizeBytes, ...name } of await snapshots.list())
        await snapshots.put(name, randomBytes(sizeBytes))
    }
    const [first, ...others] = kit.nodes
    if (first === undefined) return t.fail('there are nodes')
    await damage(first.snapshots)
    const one = await recoverController(kit.recoverOptions('one'))
    t.match(one, { from: { base: 1 }, links: { allSuspended: null } })
    for (const { snapshots } of others) await damage(snapshots)
    const all = await kit.recover('all')
    t.match(all, { from: null, links: { allSuspended: /no snapshot on the nodes can be read/ } })
    t.equal(await kit.redeem(share.token), 'link-suspended')
  }
)

t.test('one that was cut off leaves nothing that could lead, and can be run again', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const share = await kit.client.upload(bytes, { name: 'kept' })
  await kit.loseController()
  const folder = join(kit.home('other'), 'controller')
  for (const at of [/looking for nodes/, /nodes found/, /looking for files/, /manifests looked at/]) {
    const abort = new AbortController()
    await t.rejects(
      recoverController({
        ...kit.recoverOptions('other'),
        signal: abort.signal,
        // as a process that dies here would
        onProgress: (text) => {
          if (at.test(text)) throw new Error('killed')
        }
      })
    )
    t.notOk(existsSync(join(folder, 'metadata.db')))
    await t.rejects(createController({ ...kit.options('other'), data: folder }), {
      code: 'recovery-refused',
      message: /did not come to its end/
    })
  }
  await kit.recover()
  const redeemed = await kit.redeem(share.token)
  t.ok(bytes.equals(Buffer.from(redeemed)), typeof redeemed === 'string' ? redeemed : 'it is served')
  await t.rejects(recoverController(kit.recoverOptions('other')), {
    code: 'recovery-refused',
    message: /There is metadata/
  })
})

t.test('it is refused while a controller leads, was heard a moment ago, or no node is there', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const options = kit.recoverOptions('other')
  await t.rejects(recoverController(options), {
    code: 'recovery-refused',
    message: /leads this cluster right now/
  })
  await kit.loseController()
  const patient = {
    ...options,
    config: { ...options.config, snapshot: { gatherMs: 300, recoverQuietMs: 3_600_000 } }
  }
  await t.rejects(recoverController(patient), {
    code: 'recovery-refused',
    message: /heard the controller \d+ s ago.*try again in \d+ s/
  })
  for (const { running } of kit.nodes) await running.stop()
  await t.rejects(recoverController(options), {
    code: 'recovery-refused',
    message: /No node of the cluster was found/
  })
  await t.rejects(recoverController({ ...options, home: kit.home('stranger'), join: undefined }), {
    code: 'join-string-invalid'
  })
})

t.test('uploads that were under way are given up, and their edges can begin again', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const gate = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  async function* slow(): AsyncGenerator<Uint8Array> {
    opened.resolve() // nothing is asked for before the upload is open, and its sender knows that
    yield bytes
    await gate.promise
    yield bytes
  }
  const uploading = kit.client.upload(slow(), { name: 'slow' })
  const failed = t.rejects(uploading)
  await opened.promise
  await kit.loseController()
  await kit.recover()
  gate.resolve()
  await failed
  t.same(await kit.redeem((await kit.client.upload(bytes, { name: 'again' })).token), bytes)
})

t.test('chunks that begin like a manifest and are none are passed over', async (t) => {
  const kit = new RecoveryKit(t)
  await kit.start()
  const lookalike = Buffer.concat([Buffer.from('PBMF'), randomBytes(200)])
  t.ok(looksLikeManifest(lookalike))
  t.throws(() => decodeManifest(lookalike, kit.cluster.secret))
  const share = await kit.client.upload(lookalike, { name: 'lookalike' })
  await kit.loseController()
  for (const { snapshots } of kit.nodes) await snapshots.remove(await snapshots.list())
  t.match((await kit.recover()).found, { adopted: 1, unreadable: 1 })
  t.equal(await kit.redeem(share.token), 'link-suspended')
})

/** The whole life of files through control messages, over real nodes. */

import t from 'tap'
import { hashSecret } from '../../src/protocol/secrets.ts'
import { overEachStore, startCluster } from './cluster.ts'

const mine = hashSecret('my claim')
const theirs = hashSecret('their claim')

overEachStore(
  t,
  'a file is uploaded, found, redeemed once, and gone from the disks',
  async (t, makeStore) => {
    const { world, sender, copies, gone } = await startCluster(t, { makeStore })
    const { file, chunks, tokenHash } = await sender.send()
    t.equal(await copies(chunks[0] ?? file.manifest), 3)

    const { found } = await sender.call('findLink', { tokenHash })
    t.match(found, { link: { state: 'live', claimed: 0, downloads: 1 }, file })

    const claimed = await sender.claim(tokenHash, mine)
    t.match(claimed, { outcome: 'claimed', file, claim: { state: 'claimed' }, now: Number })
    if (claimed.outcome !== 'claimed') return
    t.same(
      claimed.chunks.map(({ id }) => id),
      chunks.slice(0, -1),
      'the first page comes with the claim'
    )
    for (const chunk of claimed.chunks) t.equal(chunk.copies.length, 3)
    t.match(await sender.claim(tokenHash, theirs), { outcome: 'used' })

    await sender.report(tokenHash, mine, 0, file.sizeBytes)
    t.match(
      await sender.call('findClaim', { tokenHash, claimHash: mine }),
      { outcome: 'claimed' },
      'in its grace'
    )
    await world.pass(4000)
    t.equal(await copies(file.manifest), 3, 'nothing goes while the grace runs')

    await gone(chunks)
    t.match(await sender.call('findClaim', { tokenHash, claimHash: mine }), { outcome: 'used' })
    t.match(await sender.call('findLink', { tokenHash }), { found: { link: { state: 'consumed' } } })
    const status = await sender.call('status', {}).catch((error: unknown) => error)
    t.match(status, { files: 0, chunks: 0, ordersPending: 0 })
  }
)

overEachStore(t, 'a claim whose answer was lost is answered the same again', async (t, makeStore) => {
  const { sender } = await startCluster(t, { makeStore })
  const { tokenHash } = await sender.send({ downloads: 2 })
  const first = await sender.claim(tokenHash, mine)
  t.match(await sender.claim(tokenHash, mine), { ...first, now: Number })
  t.match(await sender.call('findLink', { tokenHash }), { found: { link: { claimed: 1 } } })
})

overEachStore(t, 'of many who ask at once, as many get it as the link allows', async (t, makeStore) => {
  const { world, edge, controller, sender } = await startCluster(t, { makeStore })
  const { tokenHash } = await sender.send({ downloads: 3 })
  const calls = Array.from({ length: 40 }, (_, index) =>
    edge.controlRpc.call(
      controller.peer,
      'claimLink',
      { tokenHash, claimHash: hashSecret(`claim ${index}`) },
      { timeoutMs: 10_000 }
    )
  )
  const answers = await world.run(Promise.all(calls))
  t.equal(answers.filter(({ message }) => message.outcome === 'claimed').length, 3)
  t.equal(answers.filter(({ message }) => message.outcome === 'used').length, 37)
})

t.test('a released claim gives the slot back, and a late duplicate of it takes none', async (t) => {
  const { sender } = await startCluster(t)
  const { tokenHash } = await sender.send()
  await sender.claim(tokenHash, mine)
  t.match(await sender.call('releaseClaim', { tokenHash, claimHash: mine }), { released: true })
  t.match(await sender.claim(tokenHash, mine), { outcome: 'released' })
  t.match(await sender.claim(tokenHash, theirs), { outcome: 'claimed' })
})

t.test('the lease moves on with progress, and ends some time after the last', async (t) => {
  const { world, sender } = await startCluster(t)
  const { tokenHash, file } = await sender.send()
  await sender.claim(tokenHash, mine)
  await world.pass(8000)
  await sender.report(tokenHash, mine, 0, 1)
  await world.pass(8000)
  t.match(await sender.call('findClaim', { tokenHash, claimHash: mine }), { outcome: 'claimed' })
  await world.pass(3000)
  t.match(await sender.call('findClaim', { tokenHash, claimHash: mine }), { outcome: 'used' })
  t.ok(file.sizeBytes > 1)
})

t.test('a wall clock that jumps an hour ahead ends neither the lease nor a link', async (t) => {
  const { world, sender } = await startCluster(t)
  const claimed = await sender.send()
  const other = await sender.send({ ttlMs: 20_000 })
  await sender.claim(claimed.tokenHash, mine)
  world.clock.jump(3_600_000)
  await world.pass(8000)
  const { tokenHash } = claimed
  t.match(await sender.call('findClaim', { tokenHash, claimHash: mine }), { outcome: 'claimed' })
  t.match(await sender.call('findLink', { tokenHash: other.tokenHash }), {
    found: { link: { state: 'live' } }
  })
  t.match(await sender.claim(other.tokenHash, theirs), { outcome: 'claimed' })
})

t.test('a link expires, and its file goes', async (t) => {
  const { sender, gone } = await startCluster(t)
  const { tokenHash, chunks } = await sender.send({ ttlMs: 2000 })
  await gone(chunks)
  t.match(await sender.call('findLink', { tokenHash }), { found: { link: { state: 'expired' } } })
  t.match(await sender.claim(tokenHash, mine), { outcome: 'expired' })
})

overEachStore(t, 'a revoked link ends at once, running download and all', async (t, makeStore) => {
  const { world, sender, gone } = await startCluster(t, {
    makeStore,
    // long enough that only being woken explains it
    config: { controller: { settleIntervalMs: 20_000, collectIntervalMs: 20_000 } }
  })
  const { tokenHash, deleteHash, chunks } = await sender.send()
  await sender.claim(tokenHash, mine)
  await t.rejects(sender.call('revokeLink', { tokenHash, deleteHash: theirs }), { code: 'delete-forbidden' })
  t.match(await sender.call('revokeLink', { tokenHash, deleteHash }), { link: { state: 'revoked' } })
  t.match(await sender.call('findClaim', { tokenHash, claimHash: mine }), { outcome: 'revoked' })
  const revokedAt = world.clock.monotonic()
  await gone(chunks)
  t.ok(world.clock.monotonic() - revokedAt < 1500, 'within moments, not after several rounds')
})

overEachStore(t, 'a sender sees the claims of a link, and lets it live longer', async (t, makeStore) => {
  const { world, sender, gone } = await startCluster(t, {
    makeStore,
    config: { link: { ttlMaxMs: 200_000 } }
  })
  const { tokenHash, deleteHash, file, chunks } = await sender.send({ ttlMs: 4000, downloads: 2 })
  t.match(await sender.call('findSentLink', { deleteHash: tokenHash }), { found: null, now: Number })
  t.match(await sender.call('findSentLink', { deleteHash }), { found: { link: { tokenHash }, file } })
  await sender.claim(tokenHash, mine)
  await sender.report(tokenHash, mine, 0, 3)
  t.match(await sender.call('listClaims', { deleteHash, limit: 10 }), {
    claims: [{ claimHash: mine, state: 'claimed', bytesSent: 3, coveredBytes: 3 }]
  })
  const { found } = await sender.call('findSentLink', { deleteHash })
  const { createdAt = 0 } = found?.link ?? {}
  const tooLate = { deleteHash, expiresAt: createdAt + 200_001 }
  await t.rejects(sender.call('extendLink', tooLate), { code: 'invalid-field' })
  const expiresAt = createdAt + 20_000
  t.match(await sender.call('extendLink', { deleteHash, expiresAt }), { link: { expiresAt } })
  await world.pass(8000)
  t.match(await sender.claim(tokenHash, theirs), { outcome: 'claimed' }, 'after its first end')
  await sender.call('revokeLink', { tokenHash, deleteHash })
  await t.rejects(sender.call('extendLink', { deleteHash, expiresAt }), { code: 'link-revoked' })
  await gone(chunks)
})

t.test('a claim serves so many times the size of the file and no more', async (t) => {
  // three times, and half of the file for each of two connections
  const { sender } = await startCluster(t, { config: { link: { budgetFactor: 3, connectionsMax: 2 } } })
  const { tokenHash, file } = await sender.send()
  await sender.claim(tokenHash, mine)
  for (let time = 1; time <= 4; time++) {
    t.match(await sender.call('findClaim', { tokenHash, claimHash: mine }), { outcome: 'claimed' })
    await sender.report(tokenHash, mine, 0, file.sizeBytes)
  }
  await t.rejects(sender.call('findClaim', { tokenHash, claimHash: mine }), { code: 'claim-over-budget' })
  await t.rejects(sender.claim(tokenHash, mine), { code: 'claim-over-budget' })
  await sender.report(tokenHash, mine, 0, 1) // what was sent is counted all the same
})

overEachStore(t, 'a commit that is repeated answers the same file', async (t, makeStore) => {
  const { sender } = await startCluster(t, { makeStore })
  const { commit } = await sender.prepare()
  const first = await sender.call('commitUpload', commit)
  t.same(await sender.call('commitUpload', commit), first)
})

t.test('a chunk that is there already is not sent again, and lives while either file needs it', async (t) => {
  const { world, sender, copies, gone } = await startCluster(t)
  const one = await sender.send({ content: ['shared'] })
  const upload = await sender.open()
  t.ok((await sender.place(upload, 0, 'shared')).present)
  await sender.call('abandonUpload', { upload })
  const two = await sender.send({ content: ['shared'] })
  t.equal(two.chunks[0], one.chunks[0])
  await sender.call('revokeLink', one)
  await gone(one.chunks.slice(1))
  await world.pass(3000)
  t.equal(await copies(one.file.manifest), 0)
  t.equal(two.chunks[0] === undefined ? 0 : await copies(two.chunks[0]), 3)
  await sender.call('revokeLink', two)
  await gone(two.chunks)
})

t.test('pages of a file come in order, living copies first', async (t) => {
  const { world, sender, nodes } = await startCluster(t)
  const { file, chunks } = await sender.send({ content: ['a0', 'b1', 'c2', 'd3'] })
  const [first] = nodes
  if (first === undefined) return
  first.silent = true
  await world.pass(1500)
  const { chunks: page } = await sender.call('listFileChunks', { file: file.id, from: 1, limit: 2 })
  t.same(
    page.map(({ index, id }) => [index, id]),
    [
      [1, chunks[1]],
      [2, chunks[2]]
    ]
  )
  for (const { copies } of page) {
    t.equal(copies.length, 3)
    t.equal(copies.at(-1)?.peer, first.peer)
  }
})

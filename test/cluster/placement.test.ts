import t from 'tap'
import { hostsMinOf, rankNodes } from '../../src/cluster/placement.ts'
import { chunkIdOf } from '../../src/protocol/ids.ts'
import type { ChunkId, Member, PeerId } from '../../src/types.ts'
import { member, peerId } from './members.ts'

const GIB = 1024 ** 3
const chunks = (count: number): ChunkId[] =>
  Array.from({ length: count }, (_, index) => chunkIdOf(Buffer.from(`chunk ${index}`)))
const peers = (ranked: readonly Member[]): PeerId[] => ranked.map(({ peer }) => peer)

t.test('the order depends on nothing but the chunk and the members', async (t) => {
  const members = Array.from({ length: 7 }, (_, index) => member(index))
  for (const chunk of chunks(20)) {
    t.same(rankNodes(chunk, members), rankNodes(chunk, members.toReversed()))
  }
})

t.test('the order is the same in every version', async (t) => {
  const [chunk] = chunks(1)
  if (chunk === undefined) throw new Error('no chunk')
  const members = [1, 2, 3, 4, 5].map((index) => member(index, { freeBytes: index * 10 * GIB }))
  t.same(
    rankNodes(chunk, members).map(({ host }) => host),
    ['host-4', 'host-2', 'host-5', 'host-1', 'host-3']
  )
})

t.test('chunks are spread in proportion to free space', async (t) => {
  const members = [
    member(1, { freeBytes: 10 * GIB }),
    member(2, { freeBytes: 30 * GIB }),
    member(3, { freeBytes: 60 * GIB })
  ]
  const counts = new Map<PeerId, number>()
  const total = 4000
  for (const chunk of chunks(total)) {
    const first = rankNodes(chunk, members)[0]
    if (first !== undefined) counts.set(first.peer, (counts.get(first.peer) ?? 0) + 1)
  }
  for (const [index, share] of [0.1, 0.3, 0.6].entries()) {
    const found = (counts.get(peerId(index + 1)) ?? 0) / total
    // 4000 draws: three standard deviations are at most 0.024
    t.ok(Math.abs(found - share) < 0.03, `${found} for ${share}`)
  }
})

t.test('a node that joins takes its share and moves nothing between the others', async (t) => {
  const before = Array.from({ length: 6 }, (_, index) => member(index))
  const joined = member(99)
  let moved = 0
  for (const chunk of chunks(500)) {
    const old = peers(rankNodes(chunk, before))
    const now = peers(rankNodes(chunk, [...before, joined]))
    t.same(
      now.filter((peer) => peer !== joined.peer),
      old
    )
    if (now.indexOf(joined.peer) < 3) moved++
  }
  // three of seven places: 214 expected, standard deviation 11
  t.ok(moved > 150 && moved < 280, `${moved}`)
})

t.test(
  'who is full, draining, read-only, suspect, down, excluded or no node gets no new chunk',
  async (t) => {
    const members = [
      member(1),
      member(2, { state: 'full' }),
      member(3, { state: 'draining' }),
      member(4, { state: 'read-only' }),
      member(5, { liveness: 'suspect' }),
      member(6, { liveness: 'down' }),
      member(7, { roles: ['edge', 'controller'] }),
      member(8, { freeBytes: 99 }),
      member(9),
      member(10, { freeBytes: 0 })
    ]
    for (const chunk of chunks(10)) {
      const ranked = rankNodes(chunk, members, { sizeBytes: 100, exclude: new Set([peerId(9)]) })
      t.same(peers(ranked), [peerId(1)])
    }
    t.equal(rankNodes(chunks(1)[0] as ChunkId, members, { sizeBytes: 99 }).length, 3)
  }
)

t.test('copies go to different hosts first, and among those to different zones', async (t) => {
  const members = [
    ...[1, 2, 3].map((index) => member(index, { host: 'a', zone: 'east' })),
    member(4, { host: 'b', zone: 'east' }),
    member(5, { host: 'c', zone: 'west' })
  ]
  for (const chunk of chunks(200)) {
    const ranked = rankNodes(chunk, members)
    t.equal(new Set(ranked.slice(0, 3).map(({ host }) => host)).size, 3)
    t.equal(new Set(ranked.slice(0, 2).map(({ zone }) => zone)).size, 2)
    t.equal(ranked.length, 5)
  }
})

t.test('a host that is free counts for more than a zone that is', async (t) => {
  const members = [
    ...[1, 2, 3].map((index) => member(index, { zone: 'east' })),
    ...[4, 5].map((index) => member(index, { host: 'd', zone: 'west' }))
  ]
  for (const chunk of chunks(50)) {
    const ranked = rankNodes(chunk, members)
    t.equal(new Set(ranked.slice(0, 4).map(({ host }) => host)).size, 4)
  }
})

t.test('the cold tier comes last, but never in place of a second host', async (t) => {
  const cold = [1, 2].map((index) => member(index, { tier: 'cold' }))
  const hot = [3, 4, 5].map((index) => member(index))
  const oneHost = hot.map((each) => ({ ...each, host: 'a' }))
  for (const chunk of chunks(50)) {
    t.same(
      rankNodes(chunk, [...cold, ...hot]).map(({ tier }) => tier),
      ['hot', 'hot', 'hot', 'cold', 'cold']
    )
    t.same(
      rankNodes(chunk, [...cold, ...oneHost]).map(({ tier }) => tier),
      ['hot', 'cold', 'hot', 'hot', 'cold']
    )
  }
})

t.test('two hosts are needed unless the whole membership is one', async (t) => {
  t.equal(hostsMinOf(new Set()), 1)
  t.equal(hostsMinOf(new Set(['a'])), 1)
  t.equal(hostsMinOf(new Set(['a', 'b'])), 2)
  t.equal(hostsMinOf(new Set(['a', 'b', 'c'])), 2)
})

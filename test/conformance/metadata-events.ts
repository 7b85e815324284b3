import type { Test } from 'tap'
import { userStream } from '../../src/events.ts'
import type { EventData, StoredEvent } from '../../src/events.ts'
import type { MetadataStore } from '../../src/metadata-store.ts'
import { EVENT_DATA_BYTES_MAX } from '../../src/protocol/limits.ts'
import type { EventStream, UserId } from '../../src/types.ts'
import { addKey, newUser, sessionId, signIn } from './account-fixture.ts'
import { ANN, BOB, addEntry, entryId, prepareEntry, remove, settleEntries, shareOf } from './entry-fixture.ts'
import { GRACE_MS, START, claim, hash, passwordOf, uploadId } from './metadata-fixture.ts'
import type { MakeStore } from './metadata-fixture.ts'

const anns = userStream(ANN)
const bobs = userStream(BOB)

const list = async (store: MetadataStore, stream = anns, after = 0): Promise<StoredEvent[]> =>
  (await store.listEvents({ stream, after, limit: 1000 })).events

/** What was written since: types with what is asked of their data. */
async function since(store: MetadataStore, after: number, fields: string[] = []) {
  const events = await list(store, anns, after)
  return events.map(({ type, data }) => [type, ...fields.map((field) => data[field])])
}

const lastOf = async (store: MetadataStore): Promise<number> =>
  (await store.listEvents({ stream: anns, after: 0, limit: 1 })).last

/** Users, with what each of them is called. */
async function people(store: MetadataStore): Promise<void> {
  await store.createUser({ user: newUser('ann', { id: ANN }), by: 'right' })
  await store.createUser({ user: newUser('bob', { id: BOB }), by: 'right' })
}

let quota = 0
/** Some events of a user, one each. */
async function some(store: MetadataStore, id: UserId, count: number, now = START): Promise<void> {
  for (let i = 0; i < count; i++) await store.changeUser({ id, quotaBytes: ++quota, now })
}

export async function testEvents(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('whatever happens to a file is an event, in its order, with who did it', async (t) => {
    const store = await makeStore(t)
    await people(store)
    await addEntry(store, 'a', { path: 'x/a.txt' })
    const [added] = await list(store)
    t.match(added, {
      stream: anns,
      number: 1,
      type: 'file.added',
      at: START,
      subject: entryId('a'),
      data: {
        file_id: entryId('a'),
        path: 'x/a.txt',
        version: 1,
        sha256: hash('a'),
        media_type: 'text/plain',
        changed_at: new Date(START).toISOString(),
        actor_id: ANN,
        actor_name: 'ann'
      }
    })
    t.match(added?.id, /^[0-9a-f-]{36}$/)
    t.same(await since(store, 1, ['status', 'actor_id']), [['upload.status', 'cached', null]])
    const steps: Array<[() => Promise<unknown>, string[], unknown[][]]> = [
      [
        () => addEntry(store, 'b', { path: 'x/A.txt', now: START + 1 }),
        ['path', 'version', 'sha256'],
        [
          ['file.edited', 'x/a.txt', 2, hash('b')],
          ['upload.status', 'x/a.txt', 2, hash('b')]
        ]
      ],
      [
        () => store.moveEntry({ id: entryId('a'), path: 'y.txt', now: START + 2, by: BOB }),
        ['old_path', 'path', 'actor_name'],
        [['file.moved', 'x/a.txt', 'y.txt', 'bob']]
      ],
      [
        () => store.changeEntry({ id: entryId('a'), metadata: { k: 'v' }, now: START + 3 }),
        ['metadata_changed', 'expires_at', 'actor_id'],
        [['file.changed', true, null, null]]
      ],
      [
        () => store.restoreVersion({ id: entryId('a'), version: 1, now: START + 4, graceMs: 0, by: ANN }),
        ['version', 'sha256', 'changed_at'],
        [['file.edited', 3, hash('a'), new Date(START + 4).toISOString()]]
      ],
      [
        () => store.deleteVersion({ id: entryId('a'), version: 2, now: START + 5, graceMs: 0 }),
        ['version', 'sha256'],
        [['version.removed', 2, hash('b')]]
      ],
      [
        () => store.deleteVersion({ id: entryId('a'), version: 3, now: START + 6, graceMs: 0 }),
        ['version', 'sha256'],
        [
          ['version.removed', 3, hash('a')],
          ['file.edited', 1, hash('a')]
        ]
      ],
      [
        () => store.shareEntry({ id: entryId('a'), link: shareOf('s'), now: START + 7, by: ANN }),
        ['share', 'downloads', 'downloads_left'],
        [['file.shared', shareOf('s').tokenHash.slice(0, 16), 1, 1]]
      ],
      [
        () => claim(store, 's', 'me'),
        ['share', 'downloads_left', 'version', 'actor_id'],
        [['link.redeemed', shareOf('s').tokenHash.slice(0, 16), 0, 1, null]]
      ],
      [
        () => store.revokeLink({ ...shareOf('s'), now: START + 8, by: BOB }),
        ['actor_id'],
        [['file.unshared', BOB]]
      ],
      [
        () => store.settleStatuses({ copies: 3, limit: 100, now: START + 9 }),
        ['status'],
        [['upload.status', 'uploaded_successfully']]
      ],
      [
        () => store.deleteEntry({ id: entryId('a'), now: START + 10, graceMs: 0, by: ANN }),
        ['path'],
        [['file.removed', 'y.txt']]
      ]
    ]
    for (const [act, fields, expected] of steps) {
      const before = await lastOf(store)
      await act()
      t.same(await since(store, before, fields), expected)
    }
    const all = await list(store)
    t.same(
      all.map(({ number }) => number),
      all.map((_, i) => i + 1),
      'numbers have no gap'
    )
    t.same(await list(store, bobs), [], 'what bob did stands with whose it is')
    t.equal(new Set(all.map(({ id }) => id)).size, all.length)
    for (const { data } of all) t.ok(Buffer.byteLength(JSON.stringify(data)) < EVENT_DATA_BYTES_MAX)
  })

  await t.test('what is done again, was refused, or changes nothing is no event', async (t) => {
    const store = await makeStore(t)
    await people(store)
    const commit = await prepareEntry(store, 'a')
    await commit()
    await addEntry(store, 'b', { path: 'b' })
    await store.shareEntry({ id: entryId('a'), link: shareOf('s'), now: START })
    await claim(store, 's', 'me')
    const before = await store.tailEvents({ after: 0, limit: 100 })
    const late = await prepareEntry(store, 'late', { path: 'a', onlyNew: true })
    const refused = async (work: Promise<unknown>): Promise<void> => void (await t.rejects(work))
    await commit()
    await refused(late())
    await refused(store.moveEntry({ id: entryId('a'), path: 'b', now: START }))
    await store.moveEntry({ id: entryId('a'), path: 'a', now: START })
    await refused(store.moveEntry({ id: entryId('none'), path: 'c', now: START }))
    await refused(store.changeEntry({ id: entryId('none'), metadata: {}, now: START }))
    await store.restoreVersion({ id: entryId('a'), version: 1, now: START, graceMs: 0 })
    await refused(store.restoreVersion({ id: entryId('a'), version: 9, now: START, graceMs: 0 }))
    await refused(store.deleteVersion({ id: entryId('a'), version: 9, now: START, graceMs: 0 }))
    await store.pruneVersions({ id: entryId('a'), keep: 1, now: START, graceMs: 0 })
    await store.shareEntry({ id: entryId('a'), link: shareOf('s'), now: START })
    await refused(store.shareEntry({ id: entryId('b'), link: shareOf('s'), now: START }))
    await claim(store, 's', 'me')
    await claim(store, 's', 'you')
    await refused(store.revokeLink({ tokenHash: shareOf('s').tokenHash, deleteHash: hash('x'), now: START }))
    await store.changeUser({ id: ANN, role: 'user', now: START })
    await refused(store.changeUser({ id: ANN, name: { name: 'bob', nameKey: 'bob' }, now: START }))
    await refused(store.endSession({ id: sessionId('none'), now: START }))
    await store.abandonUpload(uploadId('late'))
    t.same(await store.tailEvents({ after: 0, limit: 100 }), before)
    await remove(store, 'a')
    await remove(store, 'a')
    t.same(await since(store, before.last), [['file.removed']], 'a second removal is none')
  })

  await t.test('what comes to its end by itself is told, and what fails', async (t) => {
    const store = await makeStore(t)
    await addEntry(store, 'a', { expiresAt: START + 10 })
    await prepareEntry(store, 'f', { path: 'f' })
    await store.abandonUpload(uploadId('f'), { failure: { code: 'aborted', attempts: 2, now: START + 1 } })
    await settleEntries(store, START + 10)
    t.same(await since(store, 2, ['path', 'status', 'error']), [
      ['upload.status', 'f', 'upload_failed', 'aborted'],
      ['file.expired', 'a', undefined, undefined]
    ])
    // one whose time has come, and that was not noticed, makes way for what is uploaded there
    await addEntry(store, 'old', { path: 'p', expiresAt: START + 20 })
    const before = await lastOf(store)
    await addEntry(store, 'new', { path: 'p', now: START + 20 })
    t.same(await since(store, before, ['file_id']), [
      ['file.expired', entryId('old')],
      ['file.added', entryId('new')],
      ['upload.status', entryId('new')]
    ])
    const versions = await lastOf(store)
    for (const name of ['v2', 'v3', 'v4']) await addEntry(store, name, { path: 'p', now: START + 21 })
    await store.pruneVersions({ id: entryId('new'), keep: 2, now: START + 22, graceMs: GRACE_MS, by: BOB })
    t.same((await since(store, versions, ['version'])).slice(-2), [
      ['version.removed', 2],
      ['version.removed', 1]
    ])
  })

  await t.test('sessions and accounts: what began, ended, and why', async (t) => {
    const store = await makeStore(t)
    const ann = newUser('ann').id
    const stream = userStream(ann)
    await store.createUser({
      user: newUser('ann'),
      by: 'right',
      session: { id: sessionId('first'), name: 'firefox', expiresAt: START + 1000 }
    })
    for (const name of ['s1', 's2', 's3'])
      await signIn(store, 'ann', name, { createdAt: START + Number(name[1]), expiresAt: START + 1000 })
    await addKey(store, 'ann', 'k1')
    await store.endSession({ id: sessionId('s2'), now: START + 5, by: ann })
    await store.endSession({ id: sessionId('s2'), now: START + 5, by: ann })
    await store.replacePassword({
      user: ann,
      to: passwordOf('new'),
      keep: sessionId('s3'),
      keys: true,
      now: START + 6,
      by: ann
    })
    await store.changeUser({ id: ann, quotaBytes: 5, role: 'user', now: START + 7 })
    await store.createUser({ user: newUser('root', { role: 'admin' }), by: 'right' })
    await store.changeUser({ id: ann, state: 'disabled', now: START + 8, by: newUser('root').id })
    const events = await list(store, stream)
    const of = (field: string) => events.map(({ data }): EventData[string] | undefined => data[field])
    t.same(
      events.map(({ type, subject }) => [type, subject]),
      [
        ['session.started', sessionId('first')],
        ['session.started', sessionId('s1')],
        ['session.started', sessionId('s2')],
        ['session.started', sessionId('s3')],
        ['session.revoked', sessionId('first')],
        ['session.started', sessionId('k1')],
        ['session.revoked', sessionId('s2')],
        ['session.revoked', sessionId('s1')],
        ['session.revoked', sessionId('k1')],
        ['account.changed', ann],
        ['account.changed', ann],
        ['session.revoked', sessionId('s3')]
      ]
    )
    const none = undefined
    t.same(of('reason'), [
      none,
      none,
      none,
      none,
      'too-many',
      none,
      'ended',
      'password',
      'password',
      none,
      none,
      'disabled'
    ])
    t.same(of('actor_name').slice(-3), [null, 'root', 'root'])
    t.match(events.at(-2)?.data, { state: 'disabled', quota_bytes: 5, username: 'ann' })
    t.equal(JSON.stringify(events).includes(hash('key k1')), false)
  })

  await t.test('a page begins after a number, and says what is kept and where the end is', async (t) => {
    const store = await makeStore(t)
    await people(store)
    t.same(await store.listEvents({ stream: anns, after: 0, limit: 9 }), {
      events: [],
      from: 0,
      last: 0,
      seq: 0
    })
    await some(store, ANN, 3)
    await some(store, BOB, 2)
    await some(store, ANN, 1)
    const page = await store.listEvents({ stream: anns, after: 1, limit: 2 })
    t.same(
      page.events.map(({ seq, number }) => [seq, number]),
      [
        [2, 2],
        [3, 3]
      ]
    )
    t.match(page, { from: 0, last: 4, seq: 6 })
    const tail = await store.tailEvents({ after: 2, limit: 3 })
    t.same(
      tail.events.map(({ seq, stream, number }) => [seq, stream, number]),
      [
        [3, anns, 3],
        [4, bobs, 1],
        [5, bobs, 2]
      ]
    )
    t.match(tail, { from: 0, last: 6 })
    const nowhere = Number.MAX_SAFE_INTEGER
    t.match(await store.listEvents({ stream: anns, after: nowhere, limit: 1 }), { events: [], last: 4 })
    t.match(await store.tailEvents({ after: nowhere, limit: 1 }), { events: [], last: 6 })
    t.match(await store.listEvents({ stream: 'pool:x' as EventStream, after: 0, limit: 1 }), { last: 0 })
  })

  await t.test('old ones are forgotten from the beginning, and numbers go on', async (t) => {
    const store = await makeStore(t)
    await people(store)
    for (const [who, at] of [
      [ANN, 1],
      [BOB, 2],
      [ANN, 3],
      [BOB, 4],
      [ANN, 5]
    ] as const)
      await some(store, who, 1, START + at)
    t.equal(await store.purgeEvents(START + 4, 2), 2)
    t.equal(await store.purgeEvents(START + 4, 2), 1)
    t.equal(await store.purgeEvents(START + 4, 2), 0)
    t.match(await store.listEvents({ stream: anns, after: 0, limit: 9 }), {
      events: [{ number: 3 }],
      from: 2,
      last: 3
    })
    t.match(await store.listEvents({ stream: bobs, after: 0, limit: 9 }), {
      events: [{ number: 2 }],
      from: 1,
      last: 2
    })
    t.match(await store.tailEvents({ after: 0, limit: 9 }), { from: 3, last: 5 })
    t.equal(await store.purgeEvents(START + 100, 9), 2)
    t.match(await store.listEvents({ stream: anns, after: 0, limit: 9 }), { events: [], from: 3, last: 3 })
    await some(store, ANN, 1)
    t.match(await list(store), [{ number: 4, seq: 6 }])
    // a time that went back leaves no hole: what is behind a newer one waits for it
    await some(store, ANN, 1, START + 300)
    await some(store, ANN, 1, START + 200)
    t.equal(await store.purgeEvents(START + 250, 9), 1)
    t.match(await store.listEvents({ stream: anns, after: 0, limit: 9 }), {
      events: [{ number: 5 }, { number: 6 }],
      from: 4
    })
  })

  await t.test(
    'of too many the longest streams lose their oldest: who is quiet keeps everything',
    async (t) => {
      const store = await makeStore(t)
      await people(store)
      await some(store, BOB, 3)
      await some(store, ANN, 20)
      const rule = { recordsMax: 12, perStreamMax: 15 }
      t.equal(await store.trimEvents({ ...rule, limit: 4 }), 4, 'a bounded step')
      t.equal(await store.trimEvents({ ...rule, limit: 100 }), 7)
      t.equal(await store.trimEvents({ ...rule, limit: 100 }), 0)
      t.match(await store.listEvents({ stream: anns, after: 0, limit: 1 }), {
        events: [{ number: 12 }],
        from: 11
      })
      t.match(await store.listEvents({ stream: bobs, after: 0, limit: 1 }), {
        events: [{ number: 1 }],
        from: 0
      })
      t.match(await store.tailEvents({ after: 0, limit: 1 }), { from: 14, last: 23 }, 'there are gaps before')
      t.equal(await store.trimEvents({ recordsMax: 4, perStreamMax: 15, limit: 100 }), 8)
      t.equal((await list(store)).length + (await list(store, bobs)).length, 4)
    }
  )

  await t.test('the epoch is what was set last', async (t) => {
    const store = await makeStore(t)
    t.equal(await store.eventsEpoch(), null)
    await store.renewEventsEpoch('abcd')
    await store.renewEventsEpoch('efgh')
    t.equal(await store.eventsEpoch(), 'efgh')
  })

  await t.test('whoever watches is told of what was written, and of nothing else', async (t) => {
    const store = await makeStore(t)
    if (store.eventWatch === undefined) return
    await people(store)
    await some(store, ANN, 1)
    let told = 0
    const end = store.eventWatch.onWritten(() => told++)
    await some(store, ANN, 1)
    t.equal(told, 1, 'before the operation is answered')
    await store.writeSetting('a', 'b')
    await store.listEvents({ stream: anns, after: 0, limit: 1 })
    t.equal(told, 1)
    end()
    await some(store, ANN, 1)
    t.equal(told, 1)
  })
}

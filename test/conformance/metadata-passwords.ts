import type { Test } from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  LEASE_MS,
  START,
  addFile,
  chunk,
  claim,
  claimWith,
  fileId,
  find,
  generation,
  hash,
  passwordOf,
  prepareFile,
  release,
  report,
  revoke,
  tokenOf
} from './metadata-fixture.ts'

export async function testPasswords(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('what a password changes', (t) => testClaiming(t, makeStore))
  await t.test('where a password is kept', (t) => testKeeping(t, makeStore))
}

const claimed = async (store: MetadataStore, name: string): Promise<number | undefined> =>
  (await store.findLink(tokenOf(name)))?.link.claimed

async function testClaiming(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test(
    'without it, and with a wrong one, nothing is claimed and nothing is remembered',
    async (t) => {
      const store = await makeStore(t)
      await addFile(store, 'a', { password: 'open sesame' })
      const required = { outcome: 'password-required', password: passwordOf('open sesame') } as const
      t.strictSame(await claim(store, 'a', 'me'), required)
      t.strictSame(await claimWith(store, 'a', 'me', 'guess'), { outcome: 'password-wrong' })
      t.equal(await claimed(store, 'a'), 0)
      t.equal(await report(store, 'a', 'me'), undefined, 'there is no claim')
      t.strictSame(await find(store, 'a', 'me'), { outcome: 'used' }, 'as for any claim that was not made')
      t.match(await claimWith(store, 'a', 'me', 'open sesame'), { outcome: 'claimed' }, 'the same secret')
      t.equal(await claimed(store, 'a'), 1)
    }
  )

  await t.test('whoever holds a claim needs it no more', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { password: 'open sesame', downloads: 2 })
    const first = await claimWith(store, 'a', 'me', 'open sesame')
    t.strictSame(await claim(store, 'a', 'me', START + 1), first)
    t.strictSame(await claimWith(store, 'a', 'me', 'guess', START + 1), first, 'a wrong one changes nothing')
    t.strictSame(await find(store, 'a', 'me', START + 1), first)
    t.equal(await claimed(store, 'a'), 1)
    t.match(await claim(store, 'a', 'you'), { outcome: 'password-required' }, 'the other slot does')
    t.match(await claimWith(store, 'a', 'you', 'open sesame'), { outcome: 'claimed' })
  })

  await t.test('why a link is gone is told without it', async (t) => {
    const store = await makeStore(t)
    for (const name of ['used', 'expired', 'revoked', 'suspended'])
      await addFile(store, name, { password: 'open sesame' })
    await claimWith(store, 'used', 'me', 'open sesame')
    await revoke(store, 'revoked')
    await store.suspendLinks([tokenOf('suspended')], 1)
    const outcomes: Array<[string, number]> = [
      ['used', START],
      ['expired', EXPIRY],
      ['revoked', START],
      ['suspended', START]
    ]
    for (const [outcome, now] of outcomes) {
      t.strictSame(await claim(store, outcome, 'you', now), { outcome })
      t.strictSame(await claimWith(store, outcome, 'you', 'guess', now), { outcome })
      t.strictSame(await claimWith(store, outcome, 'you', 'open sesame', now), { outcome })
    }
    t.strictSame(await claimWith(store, 'never was', 'you', 'guess'), { outcome: 'unknown' })
  })

  await t.test(
    'of many wrong ones and two right ones at once, exactly one of the right ones wins',
    async (t) => {
      const store = await makeStore(t)
      await addFile(store, 'a', { password: 'open sesame' })
      const answers = await Promise.all(
        Array.from({ length: 102 }, (_, i) =>
          claimWith(store, 'a', `${i}`, i % 51 === 7 ? 'open sesame' : 'guess')
        )
      )
      const right = [answers[7]?.outcome, answers[58]?.outcome]
      t.ok(right.includes('claimed') && right.includes('used'))
      t.notOk(answers.some(({ outcome }, i) => i % 51 !== 7 && outcome === 'claimed'))
      t.equal(await claimed(store, 'a'), 1)
      for (let i = 0; i < 102; i++)
        if (i % 51 !== 7 && (await report(store, 'a', `${i}`)) !== undefined)
          t.fail('a wrong one left a claim')
    }
  )

  await t.test('a claim that was given back needs it again, and is dead as ever', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { password: 'open sesame' })
    await claimWith(store, 'a', 'me', 'open sesame')
    t.equal(await release(store, 'a', 'me'), true)
    t.strictSame(await claimWith(store, 'a', 'me', 'open sesame'), { outcome: 'released' })
    t.match(await claim(store, 'a', 'you'), { outcome: 'password-required' })
    t.match(await claimWith(store, 'a', 'you', 'open sesame'), { outcome: 'claimed' })
  })

  await t.test('what is shown to a link without one is of no interest', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    t.match(await claimWith(store, 'a', 'me', 'guess'), { outcome: 'claimed' })
    t.equal(await claimed(store, 'a'), 1)
  })
}

async function testKeeping(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('it comes with the commit', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a', { password: 'open sesame' })
    await store.commitUpload(commit)
    await store.commitUpload(commit)
    t.match(await store.findLink(tokenOf('a')), {
      link: { isProtected: true },
      password: passwordOf('open sesame')
    })
    await addFile(store, 'b')
    t.match(await store.findLink(tokenOf('b')), { link: { isProtected: false }, password: null })
  })

  await t.test('a file that is found by its manifest asks for it as before', async (t) => {
    const store = await makeStore(t)
    const piece = (name: string) => ({ id: chunk(name), sizeBytes: CHUNK_BYTES, generation: generation(1) })
    await store.adoptFile({
      file: {
        id: fileId('a'),
        name: 'a',
        mediaType: 'text/plain',
        sizeBytes: CHUNK_BYTES,
        sha256: hash('content'),
        uploadedAt: START,
        metadata: {}
      },
      manifest: piece('manifest'),
      chunks: [piece('content')],
      link: {
        tokenHash: tokenOf('a'),
        deleteHash: hash('delete'),
        downloads: 1,
        expiresAt: EXPIRY,
        state: 'suspended',
        password: passwordOf('open sesame')
      }
    })
    t.match(await store.findLink(tokenOf('a')), {
      link: { isProtected: true, state: 'suspended' },
      password: passwordOf('open sesame')
    })
    await store.resumeLinks([tokenOf('a')])
    t.match(await claim(store, 'a', 'me'), { outcome: 'password-required' })
    t.match(await claimWith(store, 'a', 'me', 'guess'), { outcome: 'password-wrong' })
    t.match(await claimWith(store, 'a', 'me', 'open sesame', START + LEASE_MS), { outcome: 'claimed' })
  })
}

import type { Test } from 'tap'
import type { MetadataStore } from '../../src/metadata-store.ts'
import type { MakeStore } from './metadata-fixture.ts'
import {
  CHUNK_BYTES,
  EXPIRY,
  START,
  addFile,
  chunk,
  claim,
  claimShowing,
  fileId,
  find,
  generation,
  hash,
  prepareFile,
  release,
  report,
  revoke,
  tokenOf
} from './metadata-fixture.ts'

export async function testProofs(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('what a proof changes', (t) => testClaiming(t, makeStore))
  await t.test('a proof and a password', (t) => testBoth(t, makeStore))
  await t.test('what is kept', (t) => testKeeping(t, makeStore))
  await t.test('the payload is what counts', (t) => testPayload(t, makeStore))
}

const claimed = async (store: MetadataStore, name: string): Promise<number | undefined> =>
  (await store.findLink(tokenOf(name)))?.link.claimed

const proof = 'made from the key'

async function testClaiming(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test(
    'without it, and with a wrong one, nothing is claimed and nothing is remembered',
    async (t) => {
      const store = await makeStore(t)
      await addFile(store, 'a', { proof })
      t.strictSame(await claim(store, 'a', 'me'), { outcome: 'proof-required' })
      t.strictSame(await claimShowing(store, 'a', 'me', { proof: 'guess' }), { outcome: 'proof-wrong' })
      t.strictSame(await claimShowing(store, 'a', 'me', { password: proof }), { outcome: 'proof-required' })
      t.equal(await claimed(store, 'a'), 0)
      t.equal(await report(store, 'a', 'me'), undefined, 'there is no claim')
      t.strictSame(await find(store, 'a', 'me'), { outcome: 'used' }, 'as for any claim that was not made')
      t.match(await claimShowing(store, 'a', 'me', { proof }), { outcome: 'claimed' }, 'the same secret')
      t.equal(await claimed(store, 'a'), 1)
    }
  )

  await t.test('whoever holds a claim needs it no more, and others need it for the next slot', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { proof, downloads: 2 })
    const first = await claimShowing(store, 'a', 'me', { proof })
    t.strictSame(await claim(store, 'a', 'me', START + 1), first)
    t.strictSame(await claimShowing(store, 'a', 'me', { proof: 'guess' }, START + 1), first)
    t.strictSame(await find(store, 'a', 'me', START + 1), first)
    t.match(await claim(store, 'a', 'you'), { outcome: 'proof-required' })
    t.equal(await claimed(store, 'a'), 1)
    t.match(await claimShowing(store, 'a', 'you', { proof }), { outcome: 'claimed' })
  })

  await t.test('why a link is gone is told without it', async (t) => {
    const store = await makeStore(t)
    for (const name of ['used', 'expired', 'revoked']) await addFile(store, name, { proof })
    await claimShowing(store, 'used', 'me', { proof })
    await revoke(store, 'revoked')
    for (const [outcome, now] of [
      ['used', START],
      ['expired', EXPIRY],
      ['revoked', START]
    ] as const)
      for (const shown of [{}, { proof: 'guess' }, { proof }])
        t.strictSame(await claimShowing(store, outcome, 'you', shown, now), { outcome })
  })

  await t.test(
    'of many wrong ones and two right ones at once, exactly one of the right ones wins',
    async (t) => {
      const store = await makeStore(t)
      await addFile(store, 'a', { proof })
      const shown = Array.from({ length: 40 }, (_, i) =>
        i === 7 || i === 21 ? { proof } : { proof: 'guess' }
      )
      const answers = await Promise.all(shown.map((each, i) => claimShowing(store, 'a', `${i}`, each)))
      const right = [answers[7]?.outcome, answers[21]?.outcome]
      t.ok(right.includes('claimed') && right.includes('used'))
      t.equal(answers.filter(({ outcome }) => outcome === 'claimed').length, 1)
      t.equal(await claimed(store, 'a'), 1)
    }
  )

  await t.test('a claim that was given back needs it again', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a', { proof })
    await claimShowing(store, 'a', 'me', { proof })
    t.equal(await release(store, 'a', 'me'), true)
    t.strictSame(await claimShowing(store, 'a', 'me', { proof }), { outcome: 'released' })
    t.strictSame(await claim(store, 'a', 'you'), { outcome: 'proof-required' })
  })

  await t.test('what is shown to a link that asks for none is of no interest', async (t) => {
    const store = await makeStore(t)
    await addFile(store, 'a')
    t.match(await claimShowing(store, 'a', 'me', { proof: 'guess' }), { outcome: 'claimed' })
  })
}

async function testBoth(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('both are needed, and the proof is looked at first', async (t) => {
    const store = await makeStore(t)
    const password = 'open sesame'
    await addFile(store, 'a', { proof, password })
    const outcomes = [
      [{}, 'proof-required'],
      [{ password }, 'proof-required'],
      [{ password, proof: 'guess' }, 'proof-wrong'],
      [{ proof }, 'password-required'],
      [{ proof, password: 'guess' }, 'password-wrong']
    ] as const
    for (const [shown, outcome] of outcomes)
      t.match(await claimShowing(store, 'a', 'me', shown), { outcome }, JSON.stringify(shown))
    t.equal(await claimed(store, 'a'), 0)
    t.match(await claimShowing(store, 'a', 'me', { proof, password }), { outcome: 'claimed' })
  })
}

async function testKeeping(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('it comes with the commit', async (t) => {
    const store = await makeStore(t)
    const commit = await prepareFile(store, 'a', { proof, indexBytes: 4, encryption: 'aes256gcm-1' })
    const what = { indexBytes: 4, encryption: 'aes256gcm-1', name: 'all of them', mediaType: 'a/b' }
    t.match(await store.commitUpload({ ...commit, name: 'all of them', mediaType: 'a/b' }), what)
    t.match(await store.commitUpload(commit), what, 'what was committed first stays')
    t.match(await store.findLink(tokenOf('a')), {
      link: { needsProof: true, isProtected: false },
      file: what
    })
    t.match(await store.getFile(fileId('a')), what)
    t.match(await store.findSentLink(hash('delete a')), { link: { needsProof: true }, file: what })
    t.match(await claimShowing(store, 'a', 'me', { proof }), { file: what })
    await addFile(store, 'b')
    t.match(await store.findLink(tokenOf('b')), {
      link: { needsProof: false },
      file: { indexBytes: 0, encryption: null, name: 'b', mediaType: 'text/plain' }
    })
  })

  await t.test('a file that is found by its manifest asks for it as before', async (t) => {
    const store = await makeStore(t)
    const piece = (name: string) => ({ id: chunk(name), sizeBytes: CHUNK_BYTES, generation: generation(1) })
    await store.adoptFile({
      file: {
        id: fileId('a'),
        name: 'encrypted',
        mediaType: 'text/plain',
        sizeBytes: CHUNK_BYTES,
        indexBytes: 4,
        encryption: 'aes256gcm-1',
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
        state: 'live',
        proofHash: hash(proof)
      }
    })
    t.match(await store.findLink(tokenOf('a')), {
      link: { needsProof: true },
      file: { indexBytes: 4, encryption: 'aes256gcm-1' }
    })
    t.strictSame(await claim(store, 'a', 'me'), { outcome: 'proof-required' })
    t.strictSame(await claimShowing(store, 'a', 'me', { proof: 'guess' }), { outcome: 'proof-wrong' })
    t.match(await claimShowing(store, 'a', 'me', { proof }), { outcome: 'claimed' })
  })
}

async function testPayload(t: Test, makeStore: MakeStore): Promise<void> {
  await t.test('a claim is consumed when all of the payload was sent, and not before', async (t) => {
    const store = await makeStore(t)
    const indexBytes = 4
    await addFile(store, 'a', { chunks: ['x', 'y'], indexBytes })
    await claim(store, 'a', 'me')
    const payloadBytes = 2 * CHUNK_BYTES - indexBytes
    const almost = { ranges: [{ start: 0, end: payloadBytes - 1 }], bytesSent: payloadBytes - 1 }
    t.match(await report(store, 'a', 'me', almost), { state: 'claimed' })
    const behind = { ranges: [{ start: payloadBytes, end: 2 * CHUNK_BYTES }], bytesSent: indexBytes }
    t.match(await report(store, 'a', 'me', behind), { state: 'claimed' }, 'the index is not counted')
    const last = { ranges: [{ start: payloadBytes - 1, end: payloadBytes }], bytesSent: 1 }
    t.match(await report(store, 'a', 'me', last), {
      state: 'consumed',
      covered: [{ start: 0, end: payloadBytes }]
    })
  })
}

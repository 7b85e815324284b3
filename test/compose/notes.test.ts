import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { openPeer } from '../../src/compose/peer.ts'
import { RunningPeer } from '../../src/compose/running-peer.ts'
import { hashSecret, newClaimSecret } from '../../src/protocol/secrets.ts'
import { systemRandom } from '../../src/runtime/random.ts'
import { until } from '../kit/until.ts'
import { RecoveryKit } from './recovery-kit.ts'

t.setTimeout(400_000)

async function start(t: Test) {
  const kit = new RecoveryKit(t)
  await kit.start()
  const share = await kit.client.upload(randomBytes(1000), { name: 'x' })
  const edge = await openPeer('edge', kit.options('edge'))
  await kit.begin(new RunningPeer(edge, {}))
  await until('the edge hears the controller', () => edge.membership.active('controller').length > 0)
  const tokenHash = hashSecret(share.token)
  const claim = { tokenHash, claimHash: hashSecret(newClaimSecret(systemRandom)) }
  return { kit, share, edge, claim }
}

t.test('a claim is answered when a node on another machine has a note of it, and not before', async (t) => {
  const { kit, edge, claim } = await start(t)
  for (const { snapshots } of kit.nodes) snapshots.shut()
  let answered = false
  const claiming = edge.controller.call('claimLink', claim).finally(() => (answered = true))
  await until('the nodes are told', () => kit.nodes.some(({ snapshots }) => snapshots.held > 0))
  const other = { ...claim, claimHash: hashSecret(newClaimSecret(systemRandom)) }
  const { outcome } = await edge.controller.call('claimLink', other)
  t.equal(outcome, 'used', 'the slot is taken')
  t.notOk(answered)
  kit.nodes[1]?.snapshots.letThrough()
  t.equal((await claiming).outcome, 'claimed')
  t.match((await kit.nodes[1]?.snapshots.names())?.join(), /note/)
  for (const { snapshots } of kit.nodes) snapshots.letThrough()
})

t.test(
  'a claim that no node took note of is not served, and can be made again by whoever made it',
  async (t) => {
    const { kit, edge, claim } = await start(t)
    for (const { snapshots } of kit.nodes) snapshots.failing = true
    const refused = { code: 'copies-missing', retryable: true }
    await t.rejects(edge.controller.call('claimLink', claim), refused)
    await t.rejects(edge.controller.call('claimLink', claim), refused, 'nor when it is asked again')
    await t.rejects(edge.controller.call('findClaim', claim), refused, 'nor when it is found')
    for (const { snapshots } of kit.nodes) snapshots.failing = false
    const other = { ...claim, claimHash: hashSecret(newClaimSecret(systemRandom)) }
    t.equal((await edge.controller.call('claimLink', other)).outcome, 'used')
    t.equal((await edge.controller.call('findClaim', claim)).outcome, 'claimed')
    t.equal((await edge.controller.call('claimLink', claim)).outcome, 'claimed')
  }
)

t.test('a link that is withdrawn stays so when the controller is lost', async (t) => {
  const { kit, share, edge, claim } = await start(t)
  const request = { tokenHash: claim.tokenHash, deleteHash: hashSecret(share.deleteSecret) }
  for (const { snapshots } of kit.nodes) snapshots.failing = true
  await t.rejects(edge.controller.call('revokeLink', request), { code: 'copies-missing' })
  for (const { snapshots } of kit.nodes) snapshots.failing = false
  t.equal((await edge.controller.call('revokeLink', request)).link.state, 'revoked')
  await kit.loseController()
  await kit.recover()
  // forgotten altogether when its chunks were deleted before the loss
  t.match(await kit.redeem(share.token), /^link-(?:revoked|unknown)$/)
})

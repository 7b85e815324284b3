/** `peerbin webhooks`, for webhooks.test.ts: where `nowhere.example` is a name of nobody. */

import type { Test } from 'tap'
import { accountCommands } from '../../cli/account-kit.ts'
import { testFolder } from '../../kit/test-folder.ts'

export async function testCommands(t: Test, url: string, token: string): Promise<void> {
  const { run, done, json } = accountCommands(testFolder(t), { PEERBIN_URL: url, PEERBIN_TOKEN: token })
  const hook = 'https://nowhere.example/x'
  const secret = await done(['webhooks', 'add', hook, '--type', 'webhook.disabled', '-d', 'a test'])
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=\n$/)
  t.match(await json(['webhooks', 'list']), [{ url: hook }])
  t.match(await json(['webhooks']), [{ url: hook, types: ['webhook.disabled'], state: 'enabled' }])
  const [{ webhook_id: id } = {}] = await json(['webhooks', 'ls'])
  t.equal(await done(['webhooks', 'disable', hook]), `${String(id)}: disabled\n`)
  t.match(await done(['webhooks', 'ls']), /disabled \(asked\) +webhook\.disabled/)
  t.equal(await done(['webhooks', 'enable', String(id).slice(0, 8)]), `${String(id)}: enabled\n`)
  t.not(await done(['webhooks', 'rotate', hook]), secret)
  t.match(await run(['webhooks', 'test', hook]), { code: 3, stdout: /^not taken: unresolved/, stderr: '' })
  t.match(await done(['webhooks', 'log', hook]), /webhook\.test +unresolved/)
  t.match(await run(['webhooks', 'replay', hook]), { code: 2 })
  t.match(await run(['webhooks', 'replay', hook, '--dead']), { code: 0, stderr: /nothing was given up/ })
  t.match(await run(['webhooks', 'replay', hook, '--after', 'x']), { code: 2, stderr: /invalid-field/ })
  t.equal(await done(['webhooks', 'rm', hook]), `${String(id)}: removed\n`)
  t.match(await run(['webhooks', 'rm', hook]), { code: 4, stderr: /webhook-unknown/ })
}

/** What `peerbin collector` does. */

import type { CliContext } from '../context.ts'
import { asAdmin, peerOf } from './admin-command.ts'
import type { AdminCommandOptions } from './admin-command.ts'

export type CollectorAction = 'show' | 'freeze' | 'resume' | 'approve'

export async function collector(
  action: CollectorAction,
  node: string | undefined,
  options: AdminCommandOptions,
  context: CliContext
): Promise<void> {
  const status = await asAdmin(options, context, async (admin) => {
    if (action !== 'show') {
      const peer = node === undefined ? undefined : (await peerOf(admin, node)).peer
      await admin.controller.call('collector', { action, ...(peer !== undefined && { peer }) })
    }
    const { collector: state, ordersPending } = await admin.controller.call('status', {})
    return { ...state, ordersPending }
  })
  if (options.json === true) return context.stdout.write(`${JSON.stringify(status, undefined, 2)}\n`)
  const lines = [
    status.frozen === null ? 'the collector runs' : `the collector is FROZEN: ${status.frozen}`,
    `${status.ordersPending} delete orders wait for nodes`,
    `${status.unknown} chunks that nothing refers to are in quarantine`,
    ...status.held.map(
      ({ peer, unknown, chunks }) => `${peer}: ${unknown} of ${chunks} chunks are unknown; waits for approval`
    )
  ]
  context.stdout.write(`${lines.join('\n')}\n`)
}

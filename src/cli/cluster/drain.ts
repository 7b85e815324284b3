/** What `peerbin drain` and `peerbin retire` do. */

import type { ClusterStatus } from '../../protocol/messages.ts'
import { sleep } from '../../runtime/deadline.ts'
import type { PeerId } from '../../types.ts'
import { say } from '../context.ts'
import type { CliContext } from '../context.ts'
import { Progress } from '../progress.ts'
import { asAdmin, peerOf } from './admin-command.ts'
import type { AdminCommandOptions, AdminWork } from './admin-command.ts'

/** Between two looks at how far it is. */
const LOOK_MS = 1000

export interface DrainOptions extends AdminCommandOptions {
  undo?: boolean
  wait: boolean
}

type Admin = Parameters<AdminWork<unknown>>[0]
type Drain = ClusterStatus['nodes'][number]['drain']

export async function drain(node: string, options: DrainOptions, context: CliContext): Promise<void> {
  await asAdmin(options, context, async (admin) => {
    const { peer } = await peerOf(admin, node)
    const draining = options.undo !== true
    await admin.controller.call('drainNode', { peer, draining })
    if (!draining) return tell(options, context, { peer, draining }, `${peer} takes chunks again`)
    say(context, `${peer} is being emptied; it takes no new chunks, and goes on serving those it has`)
    const safe = options.wait ? await untilSafe(admin, peer, context) : false
    const text = safe
      ? `${peer} is empty of anything that is needed: it is safe to switch it off, and then to \`peerbin retire\` it`
      : `it goes on in the background; \`peerbin status\` says when it is safe to switch it off`
    tell(options, context, { peer, draining, safe }, text)
  })
}

async function untilSafe(admin: Admin, peer: PeerId, context: CliContext): Promise<boolean> {
  let progress: Progress | undefined
  let totalBytes = 0
  try {
    for (;;) {
      const now = await drainOf(admin, peer)
      if (now === undefined) return false // retired or no longer drained, by somebody else
      if (now?.safe === true) return true
      if (now !== null) {
        totalBytes = Math.max(totalBytes, now.bytesLeft)
        progress ??= new Progress(context.stderr, context.clock, 'emptying', totalBytes)
        progress.update(totalBytes - now.bytesLeft)
      }
      await sleep(context.clock, LOOK_MS, context.interrupted)
    }
  } finally {
    progress?.end()
  }
}

async function drainOf(admin: Admin, peer: PeerId): Promise<Drain | undefined> {
  const { nodes } = await admin.controller.call('status', {})
  return nodes.find((node) => node.peer === peer)?.drain
}

export interface RetireOptions extends AdminCommandOptions {
  force?: boolean
}

export async function retire(node: string, options: RetireOptions, context: CliContext): Promise<void> {
  await asAdmin(options, context, async (admin) => {
    const { peer } = await peerOf(admin, node)
    const { lastCopies } = await admin.controller.call('retireNode', { peer, force: options.force === true })
    const lost = lastCopies === 0 ? '' : `; ${lastCopies} chunks had their only copy there`
    tell(
      options,
      context,
      { peer, lastCopies },
      `${peer} is retired and will not be let in again; to use that machine again, start it with a new data folder${lost}`
    )
  })
}

function tell(options: AdminCommandOptions, context: CliContext, result: object, text: string): void {
  context.stdout.write(options.json === true ? `${JSON.stringify(result)}\n` : `${text}\n`)
}

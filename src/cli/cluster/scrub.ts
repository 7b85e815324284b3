/** What `peerbin scrub` does. */

import { PeerbinError } from '../../errors.ts'
import type { ControlMessages, ResponseOf } from '../../protocol/messages.ts'
import { sleep } from '../../runtime/deadline.ts'
import type { CliContext } from '../context.ts'
import { formatBytes, Progress } from '../progress.ts'
import { asAdmin, peerOf } from './admin-command.ts'
import type { AdminCommandOptions } from './admin-command.ts'
import { aligned } from './status-text.ts'

const LOOK_MS = 1000

export interface ScrubOptions extends AdminCommandOptions {
  wait: boolean
  status?: boolean
}

type Nodes = ResponseOf<ControlMessages, 'scrub'>['nodes']

export async function scrub(
  node: string | undefined,
  options: ScrubOptions,
  context: CliContext
): Promise<void> {
  const nodes = await asAdmin(options, context, async (admin) => {
    const peer = node === undefined ? undefined : (await peerOf(admin, node)).peer
    const ask = async (start: boolean): Promise<Nodes> =>
      (await admin.controller.call('scrub', { start, ...(peer !== undefined && { peer }) })).nodes
    const first = await ask(options.status !== true)
    if (options.status === true || !options.wait) return first
    return await untilEnded(first, () => ask(false), context)
  })
  context.stdout.write(
    options.json === true ? `${JSON.stringify({ nodes }, undefined, 2)}\n` : tableOf(nodes)
  )
  const silent = nodes.filter(({ report }) => report === null).length
  if (silent > 0) throw new PeerbinError('peer-unreachable', `${silent} nodes did not answer`)
}

async function untilEnded(first: Nodes, ask: () => Promise<Nodes>, context: CliContext): Promise<Nodes> {
  let nodes = first
  const totalChunks = sum(first, (report) => report.totalChunks)
  const progress = new Progress(context.stderr, context.clock, 'reading', totalChunks, 0, 'chunks')
  try {
    while (nodes.some(({ report }) => report?.running === true)) {
      await sleep(context.clock, LOOK_MS, context.interrupted)
      nodes = await ask()
      progress.update(sum(nodes, (report) => report.checkedChunks))
    }
    return nodes
  } finally {
    progress.end()
  }
}

const sum = (nodes: Nodes, pick: (report: NonNullable<Nodes[number]['report']>) => number): number =>
  nodes.reduce((total, { report }) => total + (report === null ? 0 : pick(report)), 0)

function tableOf(nodes: Nodes): string {
  const rows = nodes.map(({ peer, host, report }) => {
    if (report === null) return [peer, host, 'does not answer', '', '', '']
    const { running, checkedChunks, totalChunks, checkedBytes, rotten, endedAt } = report
    const state = running ? 'reading' : endedAt === 0 ? 'not yet' : `ended ${new Date(endedAt).toISOString()}`
    return [
      peer,
      host,
      state,
      `${checkedChunks} of ${totalChunks}`,
      formatBytes(checkedBytes),
      String(rotten)
    ]
  })
  return `${aligned([['NODE', 'HOST', 'PASS', 'CHUNKS', 'READ', 'ROTTEN'], ...rows]).join('\n')}\n`
}

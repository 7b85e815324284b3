/** What the cluster says of itself, as lines for a person. Pure. */

import type { ClusterStatus } from '../../protocol/messages.ts'
import { formatBytes } from '../progress.ts'

type NodeStatus = ClusterStatus['nodes'][number]

const SECOND = 1000
const STEPS = [
  ['s', SECOND, 60],
  ['min', 60 * SECOND, 60],
  ['h', 3600 * SECOND, 48],
  ['days', 86_400 * SECOND, Infinity]
] as const

/** `0.4 s`, `12 s`, `3 min`, `5 h`, `9 days`. */
export function formatDuration(ms: number): string {
  if (ms < SECOND) return `${(Math.max(0, ms) / SECOND).toFixed(1)} s`
  const [unit, size] = STEPS.find(([, size, max]) => ms < size * max) ?? STEPS[3]
  return `${Math.round(ms / size)} ${unit}`
}

/** Text in columns, each as wide as its longest cell. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  )
}

const count = (n: number): string => n.toLocaleString('en-US')
const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`

function chunksLine({ chunks, chunkBytes, repair, chunksWithoutCopy, chunksOwed }: ClusterStatus): string {
  const wants = [
    repair.lastCopy > 0 ? `${count(repair.lastCopy)} with one copy left` : '',
    repair.under + repair.lastCopy === 0 && chunksOwed > 0 ? `${count(chunksOwed)} owed copies` : '',
    repair.under > 0 ? `${count(repair.under)} with fewer copies than they should have` : '',
    repair.misplaced > 0 ? `${count(repair.misplaced)} to be moved` : '',
    repair.surplus > 0 ? `${count(repair.surplus)} with copies to spare` : '',
    chunksWithoutCopy > 0 ? `${count(chunksWithoutCopy)} WITHOUT A COPY (or still arriving)` : ''
  ].filter((text) => text !== '')
  return `${count(chunks)} (${formatBytes(chunkBytes)}), ${wants.length === 0 ? 'all at their copies' : wants.join(', ')}`
}

function repairLine({ repair }: ClusterStatus): string | undefined {
  const left = repair.lastCopy + repair.under + repair.misplaced
  const paused = repair.paused === null ? '' : `; PAUSED: ${repair.paused}`
  if (left === 0 && repair.running === 0) {
    if (paused !== '') return `only last copies${paused}`
    return repair.looked < 1 ? `looking for chunks to repair, ${Math.floor(repair.looked * 100)}%` : undefined
  }
  const rate = repair.bytesPerSecond > 0 ? `, ${formatBytes(repair.bytesPerSecond)}/s` : ''
  const eta = repair.etaMs === null ? '' : `, about ${formatDuration(repair.etaMs)} left`
  const looked = repair.looked < 1 ? `, ${Math.floor(repair.looked * 100)}% looked through` : ''
  return `${plural(left, 'chunk')} (${formatBytes(repair.bytesLeft)}), ${repair.running} under way${rate}${eta}${looked}${paused}`
}

function collectorLine({ collector, ordersPending }: ClusterStatus): string | undefined {
  if (collector.frozen !== null)
    return `FROZEN, nothing is deleted: ${collector.frozen} (\`peerbin collector resume\` ends that)`
  const held = collector.held.map(
    ({ peer, unknown, chunks }) =>
      `${peer} holds ${count(unknown)} of ${count(chunks)} chunks that no file needs; look, then \`peerbin collector approve ${peer}\``
  )
  const waiting = [
    ordersPending > 0 ? `${plural(ordersPending, 'delete order')} waiting for nodes` : '',
    collector.unknown > 0 ? `${plural(collector.unknown, 'unknown chunk')} in quarantine` : '',
    ...held
  ].filter((text) => text !== '')
  return waiting.length === 0 ? undefined : waiting.join('; ')
}

function snapshotLine({ snapshot }: ClusterStatus): string {
  if (snapshot === null) return 'none: the loss of the controller loses what is not in a manifest'
  const failed = snapshot.lastError === null ? '' : `; last error: ${snapshot.lastError}`
  if (snapshot.behindMs === null) return `no node holds one of this controller yet${failed}`
  return `${formatDuration(snapshot.behindMs)} behind on ${plural(snapshot.nodes, 'node')} (${formatBytes(snapshot.baseBytes + snapshot.changesBytes)})${failed}`
}

function scrubLine({ scrub, now }: ClusterStatus): string {
  const rotten = scrub.quarantined > 0 ? `; ${plural(scrub.quarantined, 'rotten chunk')} in quarantine` : ''
  if (scrub.oldestAt === 0) return `no full pass yet${rotten}`
  const age = `everything was read within the last ${formatDuration(Math.max(SECOND, now - scrub.oldestAt))}`
  return `${scrub.overdue ? 'OVERDUE: ' : ''}${age}${rotten}`
}

/** What a node is doing, in a word or two. */
export function stateOf(node: NodeStatus): string {
  if (node.liveness !== 'active') return node.liveness
  if (node.drain === null) return node.state
  if (node.drain.safe) return 'emptied, safe to switch off'
  const eta = node.drain.etaMs === null ? '' : `, ${formatDuration(node.drain.etaMs)}`
  return `draining, ${count(node.drain.chunksLeft)} left${eta}`
}

/** The whole answer of `peerbin status`, ending in a line break. */
export function statusText(status: ClusterStatus): string {
  const active = status.nodes.filter((node) => node.liveness === 'active')
  const sum = (pick: (node: NodeStatus) => number): number =>
    active.reduce((total, node) => total + pick(node), 0)
  const suspended =
    status.linksSuspended === 0 ? '' : `, ${count(status.linksSuspended)} SUSPENDED (\`peerbin links\`)`
  const lines: Array<[string, string | undefined]> = [
    [
      'nodes',
      `${active.length} active of ${status.nodes.length}; ${formatBytes(sum((node) => node.usedBytes))} used, ${formatBytes(sum((node) => node.freeBytes))} free`
    ],
    [
      'files',
      `${count(status.files)} (${formatBytes(status.fileBytes)}), ${plural(status.linksLive, 'live link')}${suspended}, ${plural(status.uploadsOpen, 'open upload')}`
    ],
    ['chunks', chunksLine(status)],
    ['repair', repairLine(status)],
    ['collector', collectorLine(status)],
    ['scrub', scrubLine(status)],
    ['snapshots', snapshotLine(status)]
  ]
  const rows = status.nodes.map((node) => [
    node.peer,
    stateOf(node),
    node.host,
    node.tier,
    formatBytes(node.usedBytes),
    formatBytes(node.freeBytes),
    count(node.chunks)
  ])
  return [
    ...lines.flatMap(([name, text]) => (text === undefined ? [] : [`${`${name}:`.padEnd(11)}${text}`])),
    '',
    ...aligned([['NODE', 'STATE', 'HOST', 'TIER', 'USED', 'FREE', 'CHUNKS'], ...rows]),
    ''
  ].join('\n')
}

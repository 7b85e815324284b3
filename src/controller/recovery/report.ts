/** What a recovery found and did, for the person who ordered it. */

import type { Generation, PeerId, Term } from '../../types.ts'
import type { Adoption } from './adoption.ts'

export interface RecoveryReport {
  readonly version: 1
  readonly kind: 'recovery' | 'restore'
  /** Wall clock of this machine, ms. */
  readonly endedAt: number
  readonly tookMs: number
  /** What the metadata was made from; null: from manifests alone. */
  readonly from: {
    readonly term: number
    readonly base: number
    /** Numbers of the changes after it that were applied. */
    readonly changes: number
    /** When the newest of it was taken: wall clock of the machine that was lost, ms. */
    readonly takenAt: number
  } | null
  /** Terms of this controller are above it. */
  readonly term: Term
  /** No chunk was ever given a greater generation before. */
  readonly generation: Generation
  readonly nodes: ReadonlyArray<{
    readonly peer: PeerId
    readonly host: string
    readonly chunks: number
    readonly controllerHeardMsAgo: number | null
  }>
  /** Nodes that are recorded, and were not heard: what only they hold could not be found. */
  readonly absentNodes: ReadonlyArray<{ readonly peer: PeerId; readonly host: string }>
  /** Files that were not in the snapshot, found by their manifests. */
  readonly found: Adoption
  readonly links: {
    /** Named by a note as redeemed; nobody can tell whether the download was whole. */
    readonly suspended: number
    readonly revoked: number
    /** Why every live link was suspended; null: they were not. */
    readonly allSuspended: string | null
  }
  /** They have to be sent again. */
  readonly uploadsGivenUp: number
  readonly holds: {
    readonly files: number
    readonly fileBytes: number
    readonly linksLive: number
    readonly linksSuspended: number
  }
}

const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`

/** Some lines for a person. */
export function describeReport(report: RecoveryReport): string {
  const { from, nodes, absentNodes, found, links, holds } = report
  const lines = [
    from === null
      ? 'No snapshot of the metadata was found: everything comes from the manifests of files.'
      : `Metadata: as of ${new Date(from.takenAt).toISOString()} (base ${from.base} of term ${from.term}, ${plural(from.changes, 'change')} after it).`,
    `Nodes: ${nodes.length} found${absentNodes.length === 0 ? '' : `, ${absentNodes.length} not: ${absentNodes.map(({ peer, host }) => `${peer} (${host})`).join(', ')}`}.`,
    `Files: ${holds.files} known, ${found.adopted} of them found by their manifests.`,
    ...(found.expired === 0
      ? []
      : [`${plural(found.expired, 'manifest')} of files whose links have expired: passed over.`]),
    ...(found.unreadable === 0
      ? []
      : [
          `Unreadable: ${plural(found.unreadable, 'chunk')} that may be manifests, of files that are not known.`
        ]),
    ...(found.incomplete === 0
      ? []
      : [`Incomplete: ${plural(found.incomplete, 'file')}, of which chunks are on no node that was found:`]),
    ...found.incompleteFiles.map(
      (file) => `  ${file.id}  ${file.name}  (${plural(file.missingChunks, 'chunk')} missing)`
    ),
    `Links: ${holds.linksLive} live, ${holds.linksSuspended} suspended (\`peerbin links\` lists them).`,
    ...(links.allSuspended === null ? [] : [`Every link was suspended: ${links.allSuspended}`]),
    ...(report.uploadsGivenUp === 0
      ? []
      : [`Uploads: ${report.uploadsGivenUp} were under way and have to be sent again.`]),
    'Nothing is deleted until `peerbin collector resume`. When all nodes are back and nothing is missing, say so.'
  ]
  return `${lines.join('\n')}\n`
}

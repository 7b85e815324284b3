/** The result of a run: figures, and everything its timeline is drawn from. */

import type { History, RequestMark, Sample, Span } from './history.ts'
import type { FileEntry, Violation } from './ledger.ts'
import type { ChaosRole } from './process.ts'

export interface ChaosReport {
  seed: number
  seconds: number
  nodes: number
  edges: number
  /** How often each fault happened. */
  faults: Record<string, number>
  /** Faults that were planned and never got their turn. */
  skippedFaults: number
  /** Faults that this machine or version does not allow, with the reason. */
  leftOut: Record<string, string>
  uploads: { acknowledged: number; unknown: number; refused: number }
  /** Uploads that were not acknowledged, by what their clients were told: `unknown: 503 no-controller`, `refused: ECONNREFUSED`, … */
  notAcknowledged: Record<string, number>
  delivered: number
  /** Links that a recovery of the controller suspended: those that were resumed afterwards, and those of files that somebody may have got. */
  suspended: { resumed: number; kept: number }
  revoked: number
  /** Simultaneous requests for one link, in all. */
  redeemers: number
  bytesAcknowledged: number
  /** Requests by kind and outcome. */
  requests: Record<string, number>
  latencyMs: Record<'upload' | 'download', { p50: number; p95: number; max: number }>
  healedAfterMs: number
  violations: Violation[]
  timeline: Timeline
}

/** All times in ms since the beginning. */
export interface Timeline {
  /** The faults' part of the run. */
  startedMs: number
  endedMs: number
  totalMs: number
  processes: Array<{ name: string; role: ChaosRole }>
  spans: Span[]
  samples: Sample[]
  requests: RequestMark[]
}

export interface ReportParts {
  options: { seed: number; seconds: number; nodes: number; edges: number }
  history: History
  files: readonly FileEntry[]
  processes: Timeline['processes']
  faults: Record<string, number>
  skippedFaults: number
  leftOut: Record<string, string>
  window: { startedMs: number; endedMs: number }
  healedAfterMs: number
  violations: Violation[]
}

export function makeReport(parts: ReportParts): ChaosReport {
  const { options, history, files, window } = parts
  const acknowledged = files.filter((file) => file.upload === 'acknowledged')
  const having = (state: FileEntry['upload']): number => files.filter((file) => file.upload === state).length
  const { seed, seconds, nodes, edges } = options
  return {
    seed,
    seconds,
    nodes,
    edges,
    faults: parts.faults,
    skippedFaults: parts.skippedFaults,
    leftOut: parts.leftOut,
    uploads: { acknowledged: acknowledged.length, unknown: having('unknown'), refused: having('refused') },
    notAcknowledged: countBy(
      files.filter(({ upload }) => upload !== 'acknowledged'),
      ({ upload, reason }) => `${upload}: ${reason ?? 'no reason'}`
    ),
    delivered: files.filter((file) => file.redeemers.some(({ outcome }) => outcome === 'won')).length,
    suspended: {
      resumed: files.filter(({ suspended }) => suspended === 'resumed').length,
      kept: files.filter(({ suspended }) => suspended === 'kept').length
    },
    revoked: files.filter(({ revoked }) => revoked === 'acknowledged').length,
    redeemers: files.reduce((sum, file) => sum + file.redeemers.length, 0),
    bytesAcknowledged: acknowledged.reduce((sum, file) => sum + file.sizeBytes, 0),
    requests: countBy(history.requests, ({ kind, outcome }) => `${kind} ${outcome}`),
    latencyMs: { upload: latencies(history, 'upload'), download: latencies(history, 'download') },
    healedAfterMs: parts.healedAfterMs,
    violations: parts.violations,
    timeline: {
      ...window,
      totalMs: history.now(),
      processes: parts.processes,
      spans: history.spans,
      samples: history.samples,
      requests: history.requests
    }
  }
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1
  return counts
}

function latencies(history: History, kind: RequestMark['kind']): { p50: number; p95: number; max: number } {
  const sorted = history.requests
    .filter((request) => request.kind === kind && request.outcome === 'ok')
    .map(({ tookMs }) => tookMs)
    .toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  return { p50: at(0.5), p95: at(0.95), max: at(1) }
}

const MIB = 1024 * 1024
const list = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([key, count]) => `${key} ${count}`)
    .join(', ') || 'none'
const clock = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const suspendedText = ({ suspended: { resumed, kept } }: ChaosReport): string =>
  resumed + kept === 0
    ? ''
    : `, ${resumed + kept} suspended by recoveries (${resumed} of them resumed, ${kept} granted before)`

/** What a person reads in a terminal. */
export function reportText(report: ChaosReport): string {
  const { uploads, latencyMs, violations } = report
  const lines = [
    `seed ${report.seed}: ${report.nodes} nodes, ${report.edges} edges, ${report.seconds} s of faults`,
    `faults:    ${list(report.faults)}${report.skippedFaults > 0 ? `; ${report.skippedFaults} never had their turn` : ''}`,
    ...Object.entries(report.leftOut).map(([kind, why]) => `           not ${kind}: ${why}`),
    `uploads:   ${uploads.acknowledged} acknowledged (${Math.round(report.bytesAcknowledged / MIB)} MiB), ${uploads.unknown} unknown, ${uploads.refused} refused`,
    `           ${list(report.notAcknowledged)}`,
    `links:     ${report.redeemers} redeemers, ${report.delivered} files delivered, ${report.revoked} withdrawn${suspendedText(report)}`,
    `requests:  ${list(report.requests)}`,
    `latency:   upload p50 ${latencyMs.upload.p50} ms, p95 ${latencyMs.upload.p95} ms; download (first byte) p50 ${latencyMs.download.p50} ms, p95 ${latencyMs.download.p95} ms`,
    `healed:    whole ${clock(report.healedAfterMs)} after the last fault`,
    ...violations.map(
      ({ invariant, file, text, atMs }) =>
        `VIOLATION  ${invariant} at ${clock(atMs)}${file === null ? '' : `, file ${file}`}: ${text}`
    ),
    violations.length === 0
      ? `seed ${report.seed}: nothing acknowledged was lost, no link had two winners, nothing deleted stayed`
      : `seed ${report.seed}: ${violations.length} violations`
  ]
  return lines.join('\n')
}

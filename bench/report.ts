/** The bench's figures as a table. */

import type { ProcessUse } from './processes.ts'

export interface Row {
  name: string
  mbPerSecond: number
  perSecond: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  /** By process name. */
  cpuSecondsPerGb: Record<string, number>
  /** Up to the last acknowledgement, while copies may still be owed. */
  acknowledgedMbPerSecond?: number
  /** The ceiling this is given as a share of. */
  ceiling?: 'level' | 'stream'
}

export interface Report {
  cores: number
  node: string
  /** MB/s. */
  ceilings: { sha256: number; stream: number; level: number }
  rows: Row[]
  peakMbBefore64: ProcessUse[]
  peakMb: ProcessUse[]
}

const fixed = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1))

function line(row: Row, ceilings: Report['ceilings']): Record<string, string> {
  const cpu = Object.values(row.cpuSecondsPerGb).reduce((sum, seconds) => sum + seconds, 0)
  return {
    what: row.name,
    'MB/s': fixed(row.mbPerSecond),
    'MB/s to ack': row.acknowledgedMbPerSecond === undefined ? '' : fixed(row.acknowledgedMbPerSecond),
    'of ceiling':
      row.ceiling === undefined
        ? ''
        : `${((100 * row.mbPerSecond) / ceilings[row.ceiling]).toFixed(0)} % of ${row.ceiling}`,
    '1/s': fixed(row.perSecond),
    p50: fixed(row.p50Ms),
    p95: fixed(row.p95Ms),
    p99: fixed(row.p99Ms),
    'CPU s/GB': row.name.startsWith('redemptions') ? '' : fixed(cpu)
  }
}

/** Prints tables to standard output. Times are in ms; MB are 10^6 bytes. */
export function printReport(report: Report): void {
  const { ceilings } = report
  console.log(`${report.cores} cores, Node ${report.node}, 3 nodes, 3 copies, every write synced`)
  console.log(
    `ceilings, MB/s: sha256 on one core ${fixed(ceilings.sha256)}; one libp2p stream between two processes ${fixed(ceilings.stream)}; ` +
      `synced LevelDB writes in one process ${fixed(ceilings.level)}`
  )
  console.table(report.rows.map((row) => line(row, ceilings)))
  console.log('CPU seconds per GB, by process; peak memory (MB), before and with 64 transfers at once')
  console.table(
    report.peakMb.map((use, index) => ({
      process: use.name,
      ...Object.fromEntries(
        report.rows
          .filter((row) => !row.name.startsWith('redemptions'))
          .map((row) => [row.name, fixed(row.cpuSecondsPerGb[use.name] ?? 0)])
      ),
      'peak before': report.peakMbBefore64[index]?.peakMb ?? 0,
      peak: use.peakMb
    }))
  )
}

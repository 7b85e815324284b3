/** The report as one page that needs nothing from outside: no script, no request, light and dark. */

import { FAULTS } from '../faults.ts'
import type { ChaosReport } from '../report.ts'
import { STYLE } from './style.ts'
import { colourOf, drawTimeline, escapeHtml, seconds } from './timeline.ts'

const MEANINGS: Readonly<Record<string, string>> = {
  A: 'an acknowledged file is lost',
  B: 'wrong bytes were served',
  C: 'a link worked twice',
  'link lost': 'a link is spent and nobody got the file',
  revoked: 'a withdrawn link worked',
  'deleted bytes': 'deleted bytes are still on a disk',
  copies: 'copies were not made again in time',
  'died by itself': 'a process ended without a fault that explains it'
}

const MIB = 1024 * 1024
const swatch = (className: string, text: string): string => `<span><i class="${className}"></i>${text}</span>`
const row = (cells: readonly string[], number: number | string): string =>
  `<tr><td>${cells.join('</td><td>')}</td><td class="number">${number}</td></tr>`
const table = (counts: Record<string, number>): string =>
  `<table>${Object.entries(counts)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => row([escapeHtml(name)], count))
    .join('')}</table>`

export function reportPage(report: ChaosReport): string {
  const { violations, timeline } = report
  const good = violations.length === 0
  const title = good
    ? 'Nothing was lost'
    : `${violations.length} violation${violations.length === 1 ? '' : 's'}`
  const faults = Object.values(report.faults).reduce((sum, count) => sum + count, 0)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}: chaos, seed ${report.seed}</title><style>${STYLE}</style></head><body><main>
<h1 class="${good ? 'good' : 'bad'}">${title}</h1>
<p class="soft">${faults} faults in ${report.seconds} s on ${report.nodes} nodes, ${report.edges} edges and a controller, all real processes, while clients uploaded, redeemed and withdrew.</p>
<p class="soft">The same plan again: <code>npm run chaos -- --seconds ${report.seconds} --nodes ${report.nodes} --edges ${report.edges} --seed ${report.seed}</code></p>
${tiles(report)}
${good ? '' : `<h2>What went wrong</h2>${wrong(report)}`}
<h2>Timeline</h2>
${drawTimeline(timeline, violations)}
${legend()}
<div class="columns"><section><h2>Faults</h2><div class="card">${faultTable(report)}</div></section>
<section><h2>What clients were told</h2><div class="card">${table(report.requests)}</div>
<h2>Uploads that were not acknowledged</h2><div class="card">${Object.keys(report.notAcknowledged).length === 0 ? '<p class="soft">All were.</p>' : table(report.notAcknowledged)}</div>
<p class="soft" style="margin-top:10px">Of those nobody knows more than that: each may exist or not, and none may be seen in part.</p></section></div>
</main></body></html>
`
}

const short = (ms: number): string => (ms / 1000).toFixed(ms < 1000 ? 2 : 1)

function tiles(report: ChaosReport): string {
  const { uploads, latencyMs } = report
  const tile = (value: string, text: string): string =>
    `<div class="tile"><b>${value}</b><span>${text}</span></div>`
  return `<div class="tiles">${[
    tile(
      String(uploads.acknowledged),
      `files acknowledged, ${Math.round(report.bytesAcknowledged / MIB)} MiB`
    ),
    tile(String(report.delivered), `delivered whole, of ${report.redeemers} who asked`),
    tile(String(report.revoked), 'withdrawn by their senders'),
    tile(String(uploads.unknown + uploads.refused), 'uploads without an acknowledgement'),
    tile(
      `${short(latencyMs.upload.p50)} / ${short(latencyMs.upload.p95)} s`,
      'upload, median / 95th percentile'
    ),
    tile(seconds(report.healedAfterMs), 'until whole, after the last fault')
  ].join('')}</div>`
}

function wrong({ violations }: ChaosReport): string {
  const items = violations.map(
    ({ invariant, file, text, atMs }, i) =>
      `<li><span class="tag">${escapeHtml(invariant)}</span>: ${MEANINGS[invariant] ?? ''}${file === null ? '' : ` (file ${file})`}. ${escapeHtml(text)} <a href="#moment-${i + 1}">at ${seconds(atMs)}</a></li>`
  )
  return `<div class="card"><ol class="wrong">${items.join('')}</ol></div>`
}

const legend = (): string =>
  `<div class="legend">${[
    swatch('kill', 'killed'),
    swatch('pause', 'paused'),
    swatch('net', 'cut off from others'),
    swatch('slow', 'slow link'),
    swatch('client', 'clients cut or stalled'),
    swatch('disk', 'disk full'),
    swatch('copy', 'disk wiped, bits flipped'),
    swatch('gone', 'gone for good'),
    swatch('died', 'died by itself')
  ].join('')}</div><div class="legend">${[
    swatch('ok', 'answered'),
    swatch('failed', 'an honest error'),
    swatch('unknown', 'no answer'),
    swatch('total', 'chunks'),
    swatch('owed', 'owed a copy'),
    swatch('none', 'without any copy yet (uploads under way)'),
    swatch('p50', 'median latency'),
    swatch('p95', '95th percentile (logarithmic)')
  ].join('')}</div>`

function faultTable({ faults, leftOut, skippedFaults }: ChaosReport): string {
  const rows = FAULTS.map(({ kind, text }) => {
    const name = `<i class="${colourOf(kind)}"></i>${kind}`
    const why = leftOut[kind]
    if (why !== undefined) return row([name, `<span class="soft">not here: ${escapeHtml(why)}</span>`], '–')
    return row([name, `<span class="soft">${escapeHtml(text)}</span>`], faults[kind] ?? 0)
  })
  const skipped =
    skippedFaults > 0
      ? row(['', '<span class="soft">planned, and never had their turn</span>'], skippedFaults)
      : ''
  return `<table>${rows.join('')}${skipped}</table>`
}

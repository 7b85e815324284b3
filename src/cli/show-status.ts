/** What `peerbin status` does. */

import { z } from 'zod'
import { PeerbinError } from '../errors.ts'
import type { StatusOptions } from './commands/status.ts'
import type { CliContext } from './context.ts'
import { failureOf, readJson, request } from './http/request.ts'
import { formatBytes } from './progress.ts'

const status = z.looseObject({
  files: z.number(),
  fileBytes: z.number(),
  linksLive: z.number(),
  uploadsOpen: z.number(),
  chunks: z.number(),
  chunkBytes: z.number(),
  chunksOwed: z.number(),
  nodes: z.array(
    z.looseObject({
      peer: z.string(),
      host: z.string(),
      capacityBytes: z.number(),
      freeBytes: z.number(),
      usedBytes: z.number(),
      chunks: z.number(),
      state: z.string(),
      liveness: z.string(),
      lastHeartbeatAt: z.number()
    })
  )
})
type Status = z.output<typeof status>

export async function show(options: StatusOptions, context: CliContext): Promise<void> {
  const url = new URL(options.server)
  url.pathname = `${url.pathname.replace(/\/$/, '')}/status`
  const answer = await request({
    method: 'GET',
    url,
    signal: context.interrupted,
    headers: { accept: 'application/json' }
  })
  if (answer.status !== 200) throw await failureOf(answer)
  const parsed = status.safeParse(await readJson(answer))
  if (!parsed.success)
    throw new PeerbinError('protocol-violation', `${options.server.origin} is no peerbin edge`)
  context.stdout.write(
    options.json === true ? `${JSON.stringify(parsed.data, undefined, 2)}\n` : tableOf(parsed.data)
  )
}

function tableOf(now: Status): string {
  const active = now.nodes.filter((node) => node.liveness === 'active')
  const sum = (pick: (node: Status['nodes'][number]) => number): number =>
    active.reduce((total, node) => total + pick(node), 0)
  const rows = now.nodes.map((node) => [
    node.peer,
    node.liveness === 'active' ? node.state : node.liveness,
    node.host,
    formatBytes(node.usedBytes),
    formatBytes(node.freeBytes),
    String(node.chunks)
  ])
  return [
    `nodes:  ${active.length} active of ${now.nodes.length}; ${formatBytes(sum((node) => node.usedBytes))} used, ${formatBytes(sum((node) => node.freeBytes))} free`,
    `files:  ${now.files} (${formatBytes(now.fileBytes)}), ${now.linksLive} live links, ${now.uploadsOpen} open uploads`,
    `chunks: ${now.chunks} (${formatBytes(now.chunkBytes)}), ${now.chunksOwed} owed copies`,
    '',
    ...aligned([['NODE', 'STATE', 'HOST', 'USED', 'FREE', 'CHUNKS'], ...rows]),
    ''
  ].join('\n')
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length))) ?? []
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  )
}

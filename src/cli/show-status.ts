/** What `peerbin status` does. */

import { PeerbinError } from '../errors.ts'
import { controlMessages } from '../protocol/messages.ts'
import { statusText } from './cluster/status-text.ts'
import type { StatusOptions } from './commands/status.ts'
import type { CliContext } from './context.ts'
import { failureOf, readJson, request } from './http/request.ts'

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
  const parsed = controlMessages.status.response.safeParse(await readJson(answer))
  if (!parsed.success)
    throw new PeerbinError('protocol-violation', `${options.server.origin} is no peerbin edge`)
  context.stdout.write(
    options.json === true ? `${JSON.stringify(parsed.data, undefined, 2)}\n` : statusText(parsed.data)
  )
}

/** Somebody who listens to an edge, as a browser would. */

import type { Test } from 'tap'
import type { CloudEvent } from '../../../src/edge/events/cloud-event.ts'
import { until } from '../../kit/until.ts'

export interface Listening {
  /** As they came. */
  readonly events: CloudEvent[]
  /** Ids of the stream, those of events among them. */
  readonly ids: string[]
  readonly state: { isOver: boolean }
  leave(): void
}

export interface ListenOptions {
  readonly lastId?: string | undefined
  /** Default: one's own events. */
  readonly path?: string
  /** `types=…`, `wait=…`, … */
  readonly query?: Record<string, string>
}

/** Resolves once the stream says where it begins. */
export async function listen(
  t: Test,
  url: string,
  { token }: { token: string },
  { lastId, path = '/api/events', query = {} }: ListenOptions = {}
): Promise<Listening> {
  const leaving = new AbortController()
  t.teardown(() => leaving.abort())
  const answer = await fetch(`${url}${path}?${new URLSearchParams(query).toString()}`, {
    headers: { authorization: `Bearer ${token}`, ...(lastId !== undefined && { 'last-event-id': lastId }) },
    signal: leaving.signal
  })
  t.match([answer.status, answer.headers.get('content-type')], [200, 'text/event-stream'])
  const events: CloudEvent[] = []
  const ids: string[] = []
  const state = { isOver: false }
  void (async () => {
    let text = ''
    try {
      for await (const part of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const blocks = (text + part).split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) {
          const [, data] = /^data: (.*)$/m.exec(block) ?? []
          const [, id] = /^id: (.*)$/m.exec(block) ?? []
          if (data !== undefined) events.push(JSON.parse(data) as CloudEvent)
          if (id !== undefined) ids.push(id)
        }
      }
    } catch {
      // cut off, or left
    }
    state.isOver = true
  })()
  await until('it begins', () => ids.length > 0 || state.isOver)
  return { events, ids, state, leave: () => leaving.abort() }
}

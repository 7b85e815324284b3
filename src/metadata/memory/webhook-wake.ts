import type { EventStream } from '../../types.ts'
import type { State } from './state.ts'

/** In the step that writes an event: those that had nothing to tell have. */
export function wakeWebhooks(state: State, stream: EventStream, now: number): void {
  for (const row of state.webhooks.values()) {
    const { webhook } = row
    if (webhook.stream === stream && webhook.state === 'enabled' && webhook.dueAt === null)
      row.webhook = { ...webhook, dueAt: now }
  }
}

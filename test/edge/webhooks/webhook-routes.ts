/** Rows of webhooks for the table of authorization.test.ts. */

import type { Table, World } from '../accounts/authorization-world.ts'
import { api, textOf } from '../accounts/accounts-kit.ts'

/** Where nobody is, and nobody is asked: it is disabled at once. */
const body = () => ({ url: 'https://hooks.example/', types: ['webhook.disabled'] })

async function newHook({ url, owner, admin }: World): Promise<string> {
  const made = await api(url, 'POST /api/webhooks', { token: owner.token, body: body() })
  if (made.status === 201) return `/api/webhooks/${textOf(made, 'webhook_id')}`
  // there are enough: one of them
  const { json } = await api(url, `GET /api/webhooks?owner=${owner.id}`, { token: admin.token })
  const [first] = json['webhooks'] as Array<{ webhook_id: string }>
  return `/api/webhooks/${first?.webhook_id}`
}

const below =
  (end: string) =>
  async (world: World): Promise<string> =>
    `${await newHook(world)}${end}`

//                                                       anonymous, other, owner, admin, revoked, key without the scope
export const WEBHOOK_ROUTES: Table = {
  'GET /api/webhooks': { answers: [401, 200, 200, 200, 401, 403] },
  'POST /api/webhooks': { answers: [401, 201, 201, 201, 401, 403], body },
  'GET /api/webhooks/:id': { answers: [401, 403, 200, 200, 401, 403], path: newHook },
  'PATCH /api/webhooks/:id': { answers: [401, 403, 200, 200, 401, 403], path: newHook, body: () => ({}) },
  'DELETE /api/webhooks/:id': { answers: [401, 403, 200, 200, 401, 403], path: newHook },
  'POST /api/webhooks/:id/secret': { answers: [401, 403, 200, 200, 401, 403], path: below('/secret') },
  // a name of nobody: that it was not delivered is an answer too
  'POST /api/webhooks/:id/test': { answers: [401, 403, 200, 200, 401, 403], path: below('/test') },
  'GET /api/webhooks/:id/deliveries': { answers: [401, 403, 200, 200, 401, 403], path: below('/deliveries') },
  'POST /api/webhooks/:id/replay': {
    answers: [401, 403, 404, 404, 401, 403],
    path: below('/replay'),
    body: () => ({ event_ids: ['00000000-0000-4000-8000-000000000000'] })
  }
}

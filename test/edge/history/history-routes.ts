/** Rows of the history for the table of test/edge/accounts/authorization.test.ts. */

import type { Table } from '../accounts/authorization-world.ts'

//                               anonymous, other, owner, admin, revoked, key without the scope
export const HISTORY_ROUTES: Table = {
  'GET /api/history': { answers: [401, 200, 200, 200, 401, 403] },
  'GET /api/events': { answers: [401, 200, 200, 200, 401, 403], streams: true },
  'GET /api/users/:id/history': {
    answers: [401, 403, 403, 200, 401, 403],
    path: async ({ owner }) => `/api/users/${owner.id}/history`
  },
  'GET /api/access-log': { answers: [401, 403, 403, 200, 401, 403] }
}

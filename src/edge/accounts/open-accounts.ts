/** What an edge knows of accounts, put together. */

import type { EdgeDeps } from '../context.ts'
import { hostsOf } from '../http/origin.ts'
import { AccessTokens } from './access-tokens.ts'
import { Accounts } from './accounts.ts'
import type { AskSessions } from './session-questions.ts'
import { SessionWatch } from './session-watch.ts'

/** A question about sessions is given up after so long, so that the next round of guards can begin. */
const ASK_TIMEOUT_MS = 5000

/** @param url the edge's own address, for requests that do not say by which name they came */
export function openAccounts(
  deps: Pick<EdgeDeps, 'controller' | 'clock' | 'logger' | 'config'>,
  url: () => string
): { readonly accounts: Accounts; readonly sessions: SessionWatch } {
  const { controller, config } = deps
  const timeoutMs = Math.min(ASK_TIMEOUT_MS, config.controller.callTimeoutMs)
  const ask: AskSessions = async (names, signal) => {
    const ids = names.flatMap((name) => ('id' in name ? [name.id] : []))
    const keys = names.flatMap((name) => ('key' in name ? [name.key] : []))
    const { sessions } = await controller.call('findSessions', { ids, keys }, { timeoutMs, signal })
    return sessions
  }
  const sessions = new SessionWatch({ ...deps, ask })
  const fetchKeys = async () => await controller.call('signingKeys', {}, { timeoutMs })
  const tokens = new AccessTokens({ ...deps, fetchKeys })
  const accounts = new Accounts({
    tokens,
    sessions,
    hostsOf: (request) => hostsOf(request, config.edge.publicUrl, url())
  })
  return { accounts, sessions }
}

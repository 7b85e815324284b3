/** How many bytes one redemption may take: the controller and every edge hold it to the same figure. */

import type { Config } from '../config.ts'

/** What a socket can take of an answer that then never leaves the machine: the most that Linux lets a send buffer grow to by default (tcp_wmem, tcp(7)). */
const SOCKET_BYTES = 4 * 1024 * 1024

/**
 * `link.budgetFactor` times what is delivered (payload.ts), and what the claim's connections may have been given in vain. A client that fetches a file over several connections asks on each
 * for all that follows and closes it when it has its part: on average half of the file was handed over for nothing, or as much as a socket holds. Nobody is told how much of that
 * was sent.
 */
export const claimBudget = (
  sizeBytes: number,
  { budgetFactor, connectionsMax }: Pick<Config['link'], 'budgetFactor' | 'connectionsMax'>
): number => sizeBytes * budgetFactor + connectionsMax * Math.min(sizeBytes / 2, SOCKET_BYTES)

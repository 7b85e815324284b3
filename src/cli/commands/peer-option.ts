/** `--peer`: where a member of the cluster may be found. */

import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import type { Address } from '../../types.ts'

export const addPeerOption = (command: Command): Command =>
  command.option(
    '--peer <address>',
    'where a member that lives can be dialled, e.g. /ip4/10.0.0.7/tcp/4811 (in its "is ready" line); may be given again',
    collectPeers
  )

function collectPeers(text: string, previous: readonly Address[] = []): Address[] {
  if (
    !/^\/(?:ip4|ip6|dns|dns4|dns6)\/[^/\s]+\/tcp\/\d{1,5}(?:\/p2p\/[1-9A-HJ-NP-Za-km-z]{46,64})?$/.test(text)
  )
    throw new InvalidArgumentError('Give an address like /ip4/10.0.0.7/tcp/4811 or /dns4/lab1/tcp/4811.')
  return [...previous, text as Address]
}

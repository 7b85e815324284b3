/** Keys of the short texts that the metadata keeps for the controller (MetadataStore.writeSetting), so that decisions survive restarts. */

import type { PeerId } from '../types.ts'

export const SETTINGS = {
  /** Why the collector deletes nothing; absent while it is not frozen. */
  frozen: 'collector.frozen',
  /** Machine of the controller that leads with this metadata; absent: not known. Nodes on it are lost together with it. */
  host: 'controller.host',
  /** Greatest generation that may have been given out before the last recovery, in decimal; absent: the metadata was never recovered. */
  recovered: 'recovery.generation',
  /** Links that were taken back, and whose files no recovery has found yet: pairs of hashes, of the token and of the delete secret (JSON). */
  revoked: 'recovery.revoked',
  /** For whom access tokens are: a UUID that stays with the metadata. */
  audience: 'account.audience',
  /** Private keys of access tokens, sealed (accounts/signing-keys.ts). */
  signingKeys: 'account.signing-keys',
  /** Up to how many unknown chunks of a node may be swept once, in decimal; absent: an operator has approved nothing. */
  sweepApproved: (peer: PeerId): string => `sweep.approved.${peer}`
} as const

/** Keys of the short texts that the metadata keeps for the controller (MetadataStore.writeSetting), so that decisions survive restarts. */

import type { PeerId } from '../types.ts'

export const SETTINGS = {
  /** Why the collector deletes nothing; absent while it is not frozen. */
  frozen: 'collector.frozen',
  /** Machine of the controller that leads with this metadata; absent: not known. Nodes on it are lost together with it. */
  host: 'controller.host',
  /** Up to how many unknown chunks of a node may be swept once, in decimal; absent: an operator has approved nothing. */
  sweepApproved: (peer: PeerId): string => `sweep.approved.${peer}`
} as const

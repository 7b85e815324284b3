/** Random operations with weights that make whole lives of files likely. */

import fc from 'fast-check'
import * as garbage from './model-garbage.ts'
import * as inventory from './model-inventory.ts'
import * as links from './model-links.ts'
import * as recovery from './model-recovery.ts'
import * as repair from './model-repair.ts'
import * as uploads from './model-uploads.ts'
import type { Step } from './model-world.ts'

/** Operations that change something. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: uploads.open },
  { weight: 12, arbitrary: uploads.reserve },
  { weight: 10, arbitrary: uploads.receive },
  { weight: 6, arbitrary: uploads.commit },
  { weight: 5, arbitrary: uploads.resume },
  { weight: 3, arbitrary: uploads.checkpoint },
  { weight: 14, arbitrary: links.claim },
  { weight: 14, arbitrary: links.report },
  { weight: 3, arbitrary: links.release },
  { weight: 2, arbitrary: links.revoke },
  { weight: 5, arbitrary: links.extend },
  { weight: 1, arbitrary: uploads.abandon },
  { weight: 6, arbitrary: garbage.settle },
  { weight: 6, arbitrary: garbage.condemn },
  { weight: 4, arbitrary: garbage.drop },
  { weight: 3, arbitrary: garbage.purge },
  { weight: 1, arbitrary: garbage.record },
  { weight: 1, arbitrary: garbage.lead },
  { weight: 1, arbitrary: garbage.mark },
  { weight: 5, arbitrary: repair.trim },
  { weight: 3, arbitrary: repair.read },
  { weight: 1, arbitrary: repair.decide },
  { weight: 1, arbitrary: repair.forget },
  { weight: 6, arbitrary: inventory.reconcile },
  { weight: 2, arbitrary: inventory.countUnknown },
  { weight: 4, arbitrary: inventory.orderUnknown },
  { weight: 3, arbitrary: inventory.orderStale },
  { weight: 2, arbitrary: recovery.suspend },
  { weight: 3, arbitrary: recovery.resume },
  { weight: 1, arbitrary: recovery.raise },
  { weight: 1, arbitrary: recovery.setting },
  { weight: 3, arbitrary: recovery.adopt }
)

/** These read, or ask before they write, so they run alone: the store answers what is read before it does the writes of the same moment. */
export const lonelyStep: fc.Arbitrary<Step> = fc.oneof(
  garbage.confirm,
  inventory.confirmCopies,
  repair.trimSurplus,
  repair.known
)

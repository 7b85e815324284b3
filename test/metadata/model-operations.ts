/** Random operations with weights that make whole lives of files likely. */

import fc from 'fast-check'
import * as garbage from './model-garbage.ts'
import * as links from './model-links.ts'
import * as uploads from './model-uploads.ts'
import type { Step } from './model-world.ts'

/** Operations that change something. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: uploads.open },
  { weight: 12, arbitrary: uploads.reserve },
  { weight: 10, arbitrary: uploads.receive },
  { weight: 6, arbitrary: uploads.commit },
  { weight: 14, arbitrary: links.claim },
  { weight: 14, arbitrary: links.report },
  { weight: 3, arbitrary: links.release },
  { weight: 2, arbitrary: links.revoke },
  { weight: 1, arbitrary: uploads.abandon },
  { weight: 6, arbitrary: garbage.settle },
  { weight: 6, arbitrary: garbage.condemn },
  { weight: 4, arbitrary: garbage.drop },
  { weight: 3, arbitrary: garbage.purge },
  { weight: 1, arbitrary: garbage.record },
  { weight: 1, arbitrary: garbage.lead },
  { weight: 1, arbitrary: garbage.mark }
)

/** Ask before they write, so they run alone. */
export const lonelyStep: fc.Arbitrary<Step> = garbage.confirm

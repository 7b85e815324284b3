import t from 'tap'
import { newTerm } from '../../../src/controller/recovery/fence.ts'
import { seededRandom } from '../../kit/seeded-random.ts'
import type { Term } from '../../../src/types.ts'

const BLOCK = 2 ** 20

t.test(
  'terms of two recoveries that know nothing of each other differ, and leave room for restarts',
  async (t) => {
    const terms = [1, 2, 3].map((seed) => newTerm(7 as Term, seededRandom(seed)))
    t.equal(new Set(terms).size, 3)
    for (const term of terms) t.ok(term >= BLOCK && term < 1.5 * BLOCK, String(term))
    t.equal(newTerm((BLOCK - 1) as Term, { bytes: () => new Uint8Array(0), fraction: () => 0 }), BLOCK)
    t.equal(newTerm(BLOCK as Term, { bytes: () => new Uint8Array(0), fraction: () => 0 }), 2 * BLOCK)
  }
)

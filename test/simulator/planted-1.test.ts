/** The checks bite: each planted mistake is found. In several files, so that they run beside each other. */

import t from 'tap'
import { findPlanted } from './find-planted.ts'

findPlanted(t, 0, 3)

/** Bugs to be planted, by name. */

import type { Planted } from '../world.ts'

export const PLANTED: Readonly<Record<string, () => Planted>> = {}

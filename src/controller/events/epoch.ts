import type { Random } from '../../interfaces.ts'

const EPOCH_BYTES = 5

/** 40 bits: a few recoveries in the life of a cluster never meet. */
export const newEpoch = (random: Random): string => Buffer.from(random.bytes(EPOCH_BYTES)).toString('hex')

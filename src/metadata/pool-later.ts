import { PeerbinError } from '../errors.ts'

/** In place of operations that follow. */
export const notThereYet = async (): Promise<never> => {
  throw new PeerbinError('internal', 'not there yet')
}

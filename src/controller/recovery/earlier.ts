/** What a recovery leaves in the metadata for the next one: nodes that were absent come back, with what was not known when it was made. */

import { z } from 'zod'
import type { Logger } from '../../interfaces.ts'
import type { MetadataStore } from '../../metadata-store.ts'
import * as s from '../../protocol/schema.ts'
import type { Generation, SecretHash } from '../../types.ts'
import { SETTINGS } from '../settings.ts'

/** Links that were taken back and are not known; of more the oldest are forgotten, and come back suspended. */
const REVOKED_MAX = 1024

/** With the hash of the delete secret that was shown, by that of the token. */
export type RevokedLinks = ReadonlyMap<SecretHash, SecretHash>

export interface Earlier {
  /** Greatest generation that was given out before the last recovery; 0: there was none. What a manifest of before it says of its link is not the last word. */
  readonly generation: number
  /** Taken back before it, and not known then. */
  readonly revoked: RevokedLinks
}

const revokedSchema = z.array(z.tuple([s.secretHash, s.secretHash])).max(REVOKED_MAX)

type Settings = Pick<MetadataStore, 'readSetting' | 'writeSetting'>

export async function readEarlier(store: Settings, logger: Logger): Promise<Earlier> {
  const mark = await store.readSetting(SETTINGS.recovered)
  const generation = Number(mark ?? 0)
  return {
    // what cannot be understood is not taken for the word that nothing happened
    generation: Number.isSafeInteger(generation) ? generation : Infinity,
    revoked: new Map(revokedOf(await store.readSetting(SETTINGS.revoked), logger))
  }
}

/** @param generation greatest that may have been given out by now @param revoked links that are not known */
export async function writeEarlier(
  store: Settings,
  generation: Generation,
  revoked: RevokedLinks
): Promise<void> {
  const kept = [...revoked].slice(-REVOKED_MAX)
  await store.writeSetting(SETTINGS.recovered, String(generation))
  await store.writeSetting(SETTINGS.revoked, kept.length === 0 ? null : JSON.stringify(kept))
}

function revokedOf(text: string | null, logger: Logger): Array<[SecretHash, SecretHash]> {
  if (text === null) return []
  try {
    return revokedSchema.parse(JSON.parse(text))
  } catch (error) {
    // their files come back suspended, which serves nobody either
    logger.warn('links that were taken back before the last recovery cannot be read', { err: error })
    return []
  }
}

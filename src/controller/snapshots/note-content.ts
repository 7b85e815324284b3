/** Bytes of a note: which links were touched, in a few dozen bytes each (dag-cbor, sealed as every piece). */

import * as cbor from '@ipld/dag-cbor'
import { z } from 'zod'
import { PeerbinError } from '../../errors.ts'
import type { SnapshotName } from '../../interfaces.ts'
import * as s from '../../protocol/schema.ts'
import type { SecretHash } from '../../types.ts'
import { openBytes, sealBytes } from './pieces.ts'
import type { Piece, Sealing } from './pieces.ts'

/** Links in one note: 90 bytes each at most, far below the size of a piece. */
export const NOTE_LINKS_MAX = 1024

/** A link that was redeemed, or taken back with the hash of its delete secret. */
export type TouchedLink =
  | { readonly what: 'claimed'; readonly tokenHash: SecretHash }
  | { readonly what: 'revoked'; readonly tokenHash: SecretHash; readonly deleteHash: SecretHash }

export interface NoteContent {
  /** Number of the changes (after the base in the note's name) from which on snapshots have it in them. */
  readonly coveredBy: number
  readonly links: readonly TouchedLink[]
}

const schema = z.object({
  c: s.count,
  l: z
    .array(
      z.discriminatedUnion('what', [
        z.object({ what: z.literal('claimed'), tokenHash: s.secretHash }),
        z.object({ what: z.literal('revoked'), tokenHash: s.secretHash, deleteHash: s.secretHash })
      ])
    )
    .max(NOTE_LINKS_MAX)
})

export const sealNote = (name: SnapshotName, content: NoteContent, sealing: Sealing): Piece =>
  sealBytes(name, cbor.encode({ c: content.coveredBy, l: content.links.map(plainOf) }), sealing)

/** @throws `data-incompatible` */
export function openNote(piece: Piece, secret: Uint8Array): NoteContent {
  const plain = openBytes(piece, secret)
  try {
    const { c, l } = schema.parse(cbor.decode(plain))
    return { coveredBy: c, links: l }
  } catch (error) {
    throw new PeerbinError('data-incompatible', 'a note cannot be read', { cause: error })
  }
}

const plainOf = (link: TouchedLink): TouchedLink =>
  link.what === 'claimed'
    ? { what: link.what, tokenHash: link.tokenHash }
    : { what: link.what, tokenHash: link.tokenHash, deleteHash: link.deleteHash }

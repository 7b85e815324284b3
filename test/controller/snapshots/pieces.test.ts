import t from 'tap'
import {
  cut,
  isLast,
  nameOf,
  openPiece,
  RAW_BYTES,
  sealPiece
} from '../../../src/controller/snapshots/pieces.ts'
import type { RawPiece } from '../../../src/controller/snapshots/pieces.ts'
import { openNote, sealNote } from '../../../src/controller/snapshots/note-content.ts'
import type { NoteContent } from '../../../src/controller/snapshots/note-content.ts'
import type { SnapshotName } from '../../../src/interfaces.ts'
import type { SecretHash, Term } from '../../../src/types.ts'
import { seededRandom } from '../../kit/seeded-random.ts'

const secret = Uint8Array.from({ length: 32 }, (_, index) => index)
const series = { term: 5 as Term, base: 2, kind: 'changes', sequence: 9 } as const
const sealing = (): { secret: Uint8Array; random: ReturnType<typeof seededRandom> } => ({
  secret,
  random: seededRandom(1)
})

async function cutAll(bytes: Uint8Array[], size: number): Promise<RawPiece[]> {
  const pieces: RawPiece[] = []
  for await (const piece of cut(bytes, size)) pieces.push(piece)
  return pieces
}

t.test('a stream of any size is cut so that its end is known', async (t) => {
  for (const sizes of [[], [0], [1], [9], [10], [11], [20], [3, 7], [9, 1, 1], [25, 0, 5], [4, 4, 4, 4]]) {
    const stream = sizes.map((size, index) => new Uint8Array(size).fill(index + 1))
    const pieces = await cutAll(stream, 10)
    t.same(Buffer.concat(pieces.map(({ bytes }) => bytes)), Buffer.concat(stream), sizes.join())
    t.ok(pieces.every(({ bytes, last }) => bytes.byteLength === 10 || last))
    t.same(
      pieces.map((piece) => isLast(nameOf(series, piece))),
      pieces.map((_, index) => index === pieces.length - 1)
    )
    t.same(
      pieces.map(({ part }) => part),
      pieces.map((_, index) => index)
    )
  }
})

/** Never change them: they lie on nodes. */
const GOLDEN_PIECE =
  'UEJTTgHzyev9KzDwXHBxCi69IuCyyhaBDAtBk2OdmoT+NLxcpvFV20DBrQVNXfvaiarRmXCNtocD1NAgOgl6pYaFE2yV/NxSMjDil4+TG8ReMgyY8jFDK1VI'
const GOLDEN_NOTE =
  'UEJTTgHzyev9KzDwXHBxCi69IuCyyhaBDAtBk2OdmoT+NLxcplM0ue1Ol9nvETmdFf6eXxzsr50O0c10Ngp+pamBBCjNvb1RHHf7GIjLE9kchw+6WWNI/kEn0od8iFFVy4tAR4sOfBogMU2KRrA5fwHepRe6pfB9q/f5dnk9rgPCHsxFSkaFaewnZ+6Lo11RnMSK02ynxI0ngZNRTOPmtlLa6m7qr5z14tFCaW5MEsu3MOs0tWI4gcOP77MMCnHhG2xm42mxFJFxgcUEa1a453kxdpjqHS9JDaCn8qhEB+3oOcfMXU2vjzzEdS1bJ/vO0tieGq0GU92goMnxqXT4Ema04k2fpG+mdRgtQ1b0PLLdYQnyOrQLg8pNrsAFpJjT8U5XkEQSl+VhVeGKCWA3vde2lXMNNDYW4TmdrSg='
const raw = { part: 0, last: true, bytes: Buffer.from('what changed, what changed, what changed') }
const note: NoteContent = {
  coveredBy: 12,
  links: [
    { what: 'claimed', tokenHash: 'ab'.repeat(32) as SecretHash },
    { what: 'revoked', tokenHash: 'cd'.repeat(32) as SecretHash, deleteHash: 'ef'.repeat(32) as SecretHash }
  ]
}
const noteName: SnapshotName = { ...series, kind: 'note', part: 0, parts: 1 }

t.test('old pieces and notes can be read, and are written as they were', async (t) => {
  const piece = sealPiece(series, raw, 1_795_000_000_000, sealing())
  t.equal(Buffer.from(piece.bytes).toString('base64'), GOLDEN_PIECE)
  const old = openPiece({ name: piece.name, bytes: Buffer.from(GOLDEN_PIECE, 'base64') }, secret)
  t.equal(old.at, 1_795_000_000_000)
  t.same(Buffer.from(old.bytes), raw.bytes)
  t.equal(Buffer.from(sealNote(noteName, note, sealing()).bytes).toString('base64'), GOLDEN_NOTE)
  t.same(openNote({ name: noteName, bytes: Buffer.from(GOLDEN_NOTE, 'base64') }, secret), note)
})

t.test('a piece is read under its own name only', async (t) => {
  const { name, bytes } = sealPiece(series, raw, 0, sealing())
  for (const other of [
    { term: 6 as Term },
    { base: 3 },
    { kind: 'base' as const },
    { sequence: 8 },
    { part: 1 },
    { parts: 2 }
  ])
    t.throws(() => openPiece({ name: { ...name, ...other }, bytes }, secret), { code: 'data-incompatible' })
  t.throws(() => openNote({ name, bytes }, secret), { code: 'data-incompatible' }, 'nor as something else')
})

t.test('a full piece of bytes that do not compress fits', async (t) => {
  const bytes = seededRandom(3).bytes(RAW_BYTES)
  const piece = sealPiece(series, { part: 0, last: true, bytes }, 0, sealing())
  t.ok(piece.bytes.byteLength < 4 * 1024 * 1024)
  t.same(Buffer.from(openPiece(piece, secret).bytes), Buffer.from(bytes))
})

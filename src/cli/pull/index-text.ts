import { checkIndex, isSingle } from '../../bundle/index.ts'
import type { BundleIndex } from '../../bundle/index.ts'

/** The list of files that is kept as text; it is checked each time it is read. @throws `index-invalid` */
export const indexOf = ({
  indexText,
  sizeBytes
}: {
  readonly indexText: string | null
  readonly sizeBytes: number
}): BundleIndex | undefined =>
  indexText === null ? undefined : checkIndex(Buffer.from(indexText, 'utf8'), sizeBytes)

export const isBundle = (index: BundleIndex | undefined): index is BundleIndex =>
  index !== undefined && !isSingle(index)

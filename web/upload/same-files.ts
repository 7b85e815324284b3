/** Finds, among files that were chosen again, those of an upload that was interrupted. */

import type { BundleIndex } from '../../src/bundle/index.ts'
import { pageTexts } from '../../src/edge/page-texts.ts'
import type { Picked } from './picked.ts'
import { planUpload } from './plan.ts'

const keyOf = ({ path, sizeBytes, modifiedAt }: BundleIndex['entries'][number]): string =>
  `${sizeBytes}:${modifiedAt ?? ''}:${path}`

/** The files in the order of the index; undefined when they are not exactly those, by name, size and time. What is in them is looked at later. */
export function matchFiles(picked: readonly Picked[], index: BundleIndex): File[] | undefined {
  if (picked.length !== index.entries.length) return undefined
  let entries: BundleIndex['entries']
  try {
    const described = picked.map(({ file, path }) => ({
      path,
      sizeBytes: file.size,
      mediaType: file.type,
      modifiedAt: file.lastModified
    }))
    const options = { isEncrypted: false, bundleName: pageTexts.upload.bundleName(picked.length) }
    entries = planUpload(described, options).index.entries
  } catch {
    return undefined // nothing that could have been sent
  }
  const files = new Map(entries.map((entry, i) => [keyOf(entry), picked[i]?.file]))
  const matched = index.entries.map((entry) => files.get(keyOf(entry))).filter((file) => file !== undefined)
  return matched.length === index.entries.length ? matched : undefined
}

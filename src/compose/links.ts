/** What `peerbin links` does: suspended links, listed and resumed. */

import { PeerbinError } from '../errors.ts'
import type { SuspendedLink } from '../metadata-store.ts'
import type { SecretHash } from '../types.ts'
import type { Admin } from './admin.ts'

const PAGE = 256

/** All suspended links, a page at a time. */
export async function* suspendedLinks({
  controller
}: Pick<Admin, 'controller'>): AsyncGenerator<SuspendedLink[], void, undefined> {
  for (let after: SecretHash | undefined; ;) {
    const request = { limit: PAGE, ...(after !== undefined && { after }) }
    const { links } = await controller.call('listSuspended', request)
    if (links.length > 0) yield links
    after = links.at(-1)?.tokenHash
    if (links.length < PAGE) return
  }
}

/**
 * Lets the links of these files live again, or all. Answers how many.
 * @throws `link-unknown` when a file has no suspended link; nothing is resumed then
 */
export async function resumeLinks(
  admin: Pick<Admin, 'controller'>,
  files: readonly string[] | 'all'
): Promise<number> {
  const chosen: SecretHash[] = []
  const found = new Set<string>()
  for await (const page of suspendedLinks(admin)) {
    for (const { fileId, tokenHash } of page) {
      if (files !== 'all' && !files.includes(fileId)) continue
      chosen.push(tokenHash)
      found.add(fileId)
    }
  }
  const unknown = files === 'all' ? undefined : files.find((file) => !found.has(file))
  if (unknown !== undefined)
    throw new PeerbinError('link-unknown', `There is no suspended link of a file ${unknown}.`)
  let resumed = 0
  for (let from = 0; from < chosen.length; from += PAGE) {
    const tokenHashes = chosen.slice(from, from + PAGE)
    resumed += (await admin.controller.call('resumeLinks', { tokenHashes })).resumed
  }
  return resumed
}

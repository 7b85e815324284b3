/** The key of an encrypted link, on the receiving side. */

import { deriveLinkKeys, isLinkSecret } from '../../encryption/link-keys.ts'
import type { LinkKeys } from '../../encryption/link-keys.ts'
import { webCrypto } from '../../encryption/web-crypto.ts'
import { PeerbinError } from '../../errors.ts'
import type { ShareLink } from './link.ts'

/** @throws `key-missing`, without a word of what there is of it */
export async function keysOf({ fragment }: ShareLink): Promise<LinkKeys> {
  if (isLinkSecret(fragment)) return await deriveLinkKeys(fragment, webCrypto)
  throw new PeerbinError(
    'key-missing',
    fragment === ''
      ? "this link is encrypted, and its key, the part behind the #, is missing; give the whole link, in quotes: peerbin pull 'http://…#…'"
      : "this link is encrypted, and its key, the part behind the #, is incomplete; copy the whole link, and give it in quotes: peerbin pull 'http://…#…'"
  )
}

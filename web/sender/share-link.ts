/** The link to share, in the address of its sender's page: `#{token}`, and `#{token}.{secret}` where it is encrypted. Nothing of it is ever sent. */

const FRAGMENT = /^#([\w-]{24})(?:\.([\w-]{43}))?$/

/** What stands behind the `#` of the sender's page for a link. */
export function senderFragment(link: string): string {
  const { pathname, hash } = new URL(link)
  const token = pathname.split('/').at(-1) ?? ''
  return hash === '' ? `#${token}` : `#${token}.${hash.slice(1)}`
}

/** The link again; undefined when the address does not hold it. @param origin where links begin */
export function linkOf(origin: string, fragment: string): string | undefined {
  const [, token, secret] = FRAGMENT.exec(fragment) ?? []
  if (token === undefined) return undefined
  return `${origin}/d/${token}${secret === undefined ? '' : `#${secret}`}`
}

/** Settings that are lists, and of which each entry has to be something: one that could never match anything is a mistake, and is told before anything starts. */

import { isIP } from 'node:net'
import { z } from 'zod'

/** What `edge.trustedProxies` knows beside addresses and networks. */
const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal']

/** Whether that is an address, or a network with the length of its prefix; not the network of everybody. */
export function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/')
  const bits = isIP(address) === 4 ? 32 : 128
  if (isIP(address) === 0 || more.length > 0) return false
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= bits)
}

export const trustedProxies = z
  .array(
    z.string().refine((text) => PROXY_NAMES.includes(text) || isNetwork(text), {
      error: `an address, a network such as 10.0.0.0/8, or ${PROXY_NAMES.join(', ')} is needed`
    })
  )
  .default([])
  .describe(
    `addresses, networks (10.0.0.0/8) or names of some (${PROXY_NAMES.join(', ')}) whose X-Forwarded-* headers are believed`
  )

/** `type/subtype`, `type/*`, or an extension with its dot. */
const TYPE_PATTERN = /^\s*(?:\.[^\s/\\]+|[a-z0-9!#$&^_.+-]+\/(?:\*|[a-z0-9!#$&^_.+-]+))\s*$/i

export const forbiddenTypes = z
  .array(z.string().regex(TYPE_PATTERN, 'a media type (video/mp4, video/*) or an extension (.exe) is needed'))
  .default([])
  .describe('what is refused: media types ("video/mp4", "video/*") and extensions (".exe")')

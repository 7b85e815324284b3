/** Reads single values of the command line; each says what is wrong and what would be right. */

import { InvalidArgumentError } from 'commander'

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000
}
const SIZES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40
}

/** `90s`, `30m`, `2h`, `2d`, `1w`, `1.5h`: milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/.exec(text.trim().toLowerCase())
  const value = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN)
  if (!Number.isFinite(value) || value < 1)
    throw new InvalidArgumentError('Give a duration with its unit: 90s, 30m, 2h, 2d or 1w.')
  return Math.round(value)
}

/** `500MB`, `2GiB`: bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)$/.exec(text.trim().toLowerCase())
  const value = Number(match?.[1]) * (SIZES[match?.[2] ?? ''] ?? Number.NaN)
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Give a size with its unit: 500MB or 2GiB.')
  return Math.round(value)
}

/** A whole number between two bounds, as a parser for commander. */
export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`)
    return value
  }

export const parsePort = wholeNumber(0, 65_535)

/** Gathers an option that may be given several times. */
export const collect = (text: string, previous: readonly string[] = []): string[] => [...previous, text]

/** An http or https URL. */
export function parseServer(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new InvalidArgumentError('Give an address like http://127.0.0.1:8080.')
  return url
}

export function collectPair(
  text: string,
  previous: Readonly<Record<string, string>> = {}
): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Give it as key=value.')
  // an own property, whatever it is called
  return Object.fromEntries([...Object.entries(previous), [text.slice(0, at), text.slice(at + 1)]])
}

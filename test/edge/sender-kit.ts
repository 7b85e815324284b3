/** What the tests of the sender's page ask. */

import { randomBytes } from 'node:crypto'
import type { SentAnswer } from '../../src/edge/sent-link.ts'

export const DAY_MS = 24 * 3_600_000
export const JSON_ONLY = { accept: 'application/json' }
export const PAGE = { accept: 'text/html' }
export const newSecret = (bytes = 32): string => randomBytes(bytes).toString('base64url')

export async function look(senderUrl: string): Promise<SentAnswer> {
  const answer = await fetch(senderUrl, { headers: JSON_ONLY })
  if (answer.status !== 200) throw new Error(`it answers ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as SentAnswer
}

export const post = (
  senderUrl: string,
  fields: Record<string, string>,
  headers: Record<string, string> = JSON_ONLY
) => fetch(senderUrl, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' })

export const later = ({ expiresAt }: { expiresAt: string }, ms: number): string =>
  new Date(Date.parse(expiresAt) + ms).toISOString()

export async function codeOf(answer: Response, status: number): Promise<string> {
  const body = (await answer.json()) as { code?: string }
  return answer.status === status ? (body.code ?? '') : `${answer.status} ${body.code}`
}

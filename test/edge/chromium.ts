/** The Chromium that browser tests run. Where there is none they are skipped and say so; in CI they fail. */

import { existsSync } from 'node:fs'

const CANDIDATES = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome'
]
const found = CANDIDATES.find((path) => path !== undefined && existsSync(path))

/** For tap's `skip`: why browser tests cannot run here. */
export const skip =
  found === undefined && process.env['CI'] === undefined
    ? `Chromium is not installed (looked for ${CANDIDATES.filter(Boolean).join(', ')}): apt-get install chromium, or set CHROMIUM`
    : false

/** What playwright launches it with. @throws where there is none */
export function chromiumOptions(): { executablePath: string; args: string[] } {
  if (found === undefined) throw new Error('CI needs Chromium')
  return { executablePath: found, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] }
}

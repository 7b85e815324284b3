/** The Chromium that browser tests run. Where there is none they are skipped and say so; in CI they fail. */

import { existsSync } from 'node:fs'

/** Debian's Chromium without windows (not the script that starts it, which would stay between): the same pages for a third of the work. */
const WITHOUT_WINDOWS = '/usr/lib/chromium/chromium-headless-shell'
const WHOLE = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const CANDIDATES = [process.env['CHROMIUM'], WITHOUT_WINDOWS, ...WHOLE]

const firstOf = (paths: ReadonlyArray<string | undefined>): string | undefined =>
  paths.find((path) => path !== undefined && existsSync(path))
const found = firstOf(CANDIDATES)

/** For tap's `skip`: why browser tests cannot run here. */
export const skip =
  found === undefined && process.env['CI'] === undefined
    ? `Chromium is not installed (looked for ${CANDIDATES.filter(Boolean).join(', ')}): apt-get install chromium, or set CHROMIUM`
    : false

/**
 * What playwright launches it with.
 *
 * @param whole of a browser as people have it, if there is one: for what it does besides showing pages @throws where there is none
 */
export function chromiumOptions({ whole = false } = {}): { executablePath: string; args: string[] } {
  const executablePath = (whole ? firstOf([process.env['CHROMIUM'], ...WHOLE]) : undefined) ?? found
  if (executablePath === undefined) throw new Error('CI needs Chromium')
  return { executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] }
}

import { rm } from 'node:fs/promises'
import type { Test } from 'tap'

/**
 * A folder that goes when the test has ended, after everything that the test's teardown stops: tap takes a `testdir` away before that, unless a teardown was asked for first. What
 * still writes there for a moment is waited for; tap would fail, and leave what runs running.
 */
export function testFolder(t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  const isFirst = !t.saveFixture
  t.saveFixture = true
  // eslint-disable-next-line no-restricted-properties -- the one place
  const folder = t.testdir(content)
  if (!isFirst) return folder
  t.teardown(() => {}) // from here on teardown is a part of `onEOF`
  const onEOF = t.onEOF.bind(t)
  t.onEOF = async () => {
    t.onEOF = onEOF
    await onEOF()
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 })
  }
  return folder
}

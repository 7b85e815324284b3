import type { Test } from 'tap'

/**
 * A folder that goes when the test has ended, and everything that was started in it has been stopped: tap takes a `testdir` away before what the test's teardown does, unless that
 * was asked for first, and a process that still writes there makes the removal fail.
 */
export function testFolder(t: Test, content: Parameters<Test['testdir']>[0] = {}): string {
  t.teardown(() => {})
  // eslint-disable-next-line no-restricted-properties -- the one place
  return t.testdir(content)
}

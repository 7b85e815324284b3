/** What the command line starts and makes: handed to it by bin. The roles themselves are loaded only when one is opened: `up` starts none in its own process. */

import type * as Admins from './admin.ts'
import type { Admin, AdminOptions } from './admin.ts'
import type { BackupDone, BackupOptions, RestoreOptions } from './backup.ts'
import type { BackupHeader } from './backup-file.ts'
import type { RecoveryReport } from '../controller/recovery/report.ts'
import type { OpenedRole, RoleOptions } from './open-role.ts'

export type { Admin, AdminOptions } from './admin.ts'
export { describeReport } from '../controller/recovery/report.ts'
export type { RecoveryReport } from '../controller/recovery/report.ts'
export { joinStringOf, parseJoinString } from './cluster-key.ts'
export type { ClusterKey } from './cluster-key.ts'
export { resumeLinks, suspendedLinks } from './links.ts'
export { foundCluster, initCluster, lockHome, rememberAddresses, storedNodes } from './founding.ts'
export type { OpenedRole, RoleOptions } from './open-role.ts'

export const openRole = async (options: RoleOptions): Promise<OpenedRole> => {
  const { openRole: open } = await import('./open-role.ts')
  return await open(options)
}

/** As admin.ts says. */
export const withAdmin = async <T>(
  home: string,
  options: AdminOptions,
  work: (admin: Admin) => Promise<T>
): Promise<T> => {
  const { withAdmin: join } = await import('./admin.ts')
  return await join(home, options, work)
}

/** As backup.ts says. */
export const backup = async (home: string, file: string, options: BackupOptions): Promise<BackupDone> => {
  const { backup: make } = await import('./backup.ts')
  return await make(home, file, options)
}

/** As backup.ts says. */
export const restore = async (
  options: RestoreOptions
): Promise<{ header: BackupHeader; report: RecoveryReport }> => {
  const { restore: make } = await import('./backup.ts')
  return await make(options)
}

/** As admin.ts says. */
export const createAdmin: typeof Admins.createAdmin = async (admin, account) => {
  const { createAdmin: create } = await import('./admin.ts')
  return await create(admin, account)
}

/** As admin.ts says. */
export const resetPassword: typeof Admins.resetPassword = async (admin, account) => {
  const { resetPassword: reset } = await import('./admin.ts')
  return await reset(admin, account)
}

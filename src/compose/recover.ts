/** Makes the metadata of a cluster anew whose controller's machine is lost: from the snapshots that nodes keep, or from a backup, and from the manifests of files. */

import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ConfigInput } from '../config.ts'
import type { RecoveryReport } from '../controller/recovery/report.ts'
import { PeerbinError } from '../errors.ts'
import type { Clock, Logger, Network } from '../interfaces.ts'
import type { Address, PeerId } from '../types.ts'
import { clusterOf, readClusterKey, writeClusterKey } from './cluster-key.ts'
import type { ClusterKey } from './cluster-key.ts'
import { beginDraft, draftFile, finishDraft, reportFile } from './controller-folder.ts'
import { CONTROLLER_NAME } from './founding.ts'
import { readHomeMemory } from './home-memory.ts'
import { openPeer } from './peer.ts'
import { draftFromNodes } from './recover-source.ts'
import { runRecovery } from './recovery-run.ts'
import type { RecoveryPlan } from './recovery-run.ts'
import { RunningPeer } from './running-peer.ts'
import { ensureFolder } from './secret-file.ts'

export interface RecoverOptions {
  readonly home: string
  /** Folder of the controller in the home. */
  readonly name?: string | undefined
  /** The lost cluster, unless the home belongs to it. */
  readonly join?: ClusterKey | undefined
  /** Where members may be found, beside those of the join string and those that other roles in the home remember. */
  readonly peers?: readonly Address[] | undefined
  readonly config?: ConfigInput | undefined
  readonly network?: Network | ((self: PeerId) => Network) | undefined
  readonly logger?: Logger | undefined
  readonly clock?: Clock | undefined
  readonly signal?: AbortSignal | undefined
  /** Told what is being done, in words. */
  readonly onProgress?: ((text: string) => void) | undefined
}

/** Addresses that a join string holds at most (cluster/join-string.ts). */
const ADDRESSES_MAX = 16

/**
 * Leaves a controller's folder in the home that can be led; nothing leads yet. Whatever ends it before leaves a mark, and it can be run again.
 * @throws `plan.refusal` with the reason, `join-string-invalid`, `data-in-use`, `data-incompatible`, `local-file`, the signal's reason, …
 */
export async function recoverFolder(options: RecoverOptions, plan: RecoveryPlan): Promise<RecoveryReport> {
  const { home } = options
  const folder = join(home, options.name ?? CONTROLLER_NAME)
  await ensureFolder(home)
  const cluster = await clusterOf(home, options.join)
  const memory = await readHomeMemory(home)
  await beginDraft(folder, plan.refusal)
  const addresses = [...(options.peers ?? []), ...cluster.addresses, ...memory.addresses]
  const peer = await openPeer('controller', {
    data: folder,
    cluster: { ...cluster, addresses: [...new Set(addresses)].slice(0, ADDRESSES_MAX) },
    config: options.config,
    network: options.network,
    logger: options.logger,
    clock: options.clock
  })
  const running = new RunningPeer(peer, {})
  let report: RecoveryReport
  try {
    await running.start()
    report = await runRecovery(peer, draftFile(folder), options, plan)
  } finally {
    await running.stop()
  }
  await writeReport(reportFile(folder), report)
  if ((await readClusterKey(home)) === undefined) await writeClusterKey(home, cluster)
  await finishDraft(folder)
  return report
}

/** From the nodes alone. */
export const RECOVERY_PLAN: RecoveryPlan = {
  kind: 'recovery',
  refusal: 'recovery-refused',
  draft: draftFromNodes
}

/** As the help says: only when the machine of the cluster's controller is gone. @throws `recovery-refused`, and what recoverFolder throws */
export async function recoverController(options: RecoverOptions): Promise<RecoveryReport> {
  return await recoverFolder(options, RECOVERY_PLAN)
}

async function writeReport(path: string, report: RecoveryReport): Promise<void> {
  try {
    await writeFile(`${path}.new`, `${JSON.stringify(report, undefined, 2)}\n`, {
      mode: 0o600,
      flush: true
    })
    await rename(`${path}.new`, path)
  } catch (error) {
    throw new PeerbinError('local-file', `cannot write ${path}`, { cause: error })
  }
}

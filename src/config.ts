/**
 * Every setting, with its default, unit and reason. Sources, later ones win: these defaults, `config.json` in the data folder, `--config FILE`, `--set
 * section.key=value`. `peerbin config` prints them all. Unknown keys are errors: a misspelt limit must not be ignored.
 */

import { z } from 'zod'
import { accountSections, accountShape } from './config-accounts.ts'
import { eventSections, eventShape } from './config-events.ts'
import { blockSections, blockShape } from './config-blocks.ts'
import { historySections, historyShape } from './config-history.ts'
import { socketSections, socketShape } from './config-socket.ts'
import { DAY, HOUR, MIB, MINUTE, SECOND, bytes, list, ms, num, text } from './config-kinds.ts'
import { forbiddenTypes, trustedProxies } from './config-lists.ts'
import { poolSections, poolShape } from './config-pools.ts'
import { webhookSections, webhookShape } from './config-webhooks.ts'
import { PeerbinError } from './errors.ts'
import { PASSWORD_LANES_MAX, PASSWORD_MEMORY_KIB_MAX, PASSWORD_PASSES_MAX } from './protocol/limits.ts'

const heartbeat = z.strictObject({
  intervalMs: ms(1 * SECOND, 'pause between two heartbeats'),
  suspectAfterMs: ms(5 * SECOND, 'no new writes to a peer silent for so long'),
  downAfterMs: ms(30 * SECOND, 'a peer silent for so long does not count as active'),
  dialTimeoutMs: ms(5 * SECOND, 'one attempt to connect to a peer'),
  redialMs: ms(250, 'pause between the first attempts to connect to a peer; later ones are further apart')
})

const replication = z.strictObject({
  copies: num(2, 16, 3, 'copies of each chunk, where there are so many active nodes'),
  copiesMin: num(2, 16, 2, 'durable copies on different nodes before an upload is acknowledged'),
  attemptsPerNode: num(
    1,
    10,
    2,
    'a failed copy is tried so often on one node before another takes its place'
  ),
  attemptsPerCopy: num(1, 20, 3, 'attempts for one copy in all, before it fails'),
  putTimeoutMs: ms(30 * SECOND, 'one attempt to store a chunk on one node'),
  getTimeoutMs: ms(15 * SECOND, 'one attempt to read a chunk from one node'),
  slowReadMs: ms(2 * SECOND, 'a second node is asked when the first has not answered after so long'),
  owedDelayMs: ms(
    3 * SECOND,
    'how long copies that complete behind may be owed before the controller has them made'
  )
})

const node = z.strictObject({
  capacityBytes: bytes(0, 'most bytes of chunks; 0: what the disk has'),
  reserveBytes: bytes(
    512 * MIB,
    'free space below which the node takes no more chunks; LevelDB cannot reopen on a full disk'
  ),
  ballastBytes: bytes(
    64 * MIB,
    'file that can be deleted by hand: what LevelDB needs to open again on a full disk'
  ),
  putsMax: num(1, 256, 12, 'chunks received at once; more wait'),
  getsMax: num(1, 1024, 24, 'chunks read at once; more wait'),
  waitersMax: num(0, 10_000, 512, 'requests that wait for one of those places; more are turned away'),
  replicasMax: num(1, 256, 24, 'copies passed on at once, those that complete behind included'),
  reportIntervalMs: ms(100, 'receipts are reported to the controller together, after at most so long')
})

const controller = z.strictObject({
  requestTimeoutMs: ms(10 * SECOND, 'one request to the controller'),
  retryMs: ms(200, 'pause before a request to the controller is repeated'),
  callTimeoutMs: ms(30 * SECOND, 'a request with all its repeats'),
  uploadTtlMs: ms(
    1 * HOUR,
    'an upload of which no further chunk has come for so long is given up; a chunk takes minutes at worst'
  ),
  resumableTtlMs: ms(
    1 * DAY,
    'an upload that goes on later (tus) is given up when nothing of it has come for so long'
  ),
  settleIntervalMs: ms(1 * SECOND, 'pause between rounds of ending leases, links and uploads'),
  collectIntervalMs: ms(1 * SECOND, 'pause between rounds of the collector'),
  owedIntervalMs: ms(1 * SECOND, 'pause between rounds of making owed copies'),
  tombstoneMs: ms(30 * DAY, 'how long after its expiry a used link still says so'),
  batchMax: num(1, 10_000, 256, 'rows in one round of a worker'),
  waitMs: ms(5 * SECOND, 'a request waits so long for a controller to be heard of before it fails'),
  commitWaitMs: ms(
    20 * SECOND,
    'a commit for which copies are missing is repeated for so long: nodes that started again are asked, and lost copies are made meanwhile'
  ),
  operationsWaitingMax: num(1, 100_000, 4096, 'metadata operations that may wait; more are turned away')
})

const repair = z.strictObject({
  delayMs: ms(2 * MINUTE, 'a node must be silent for so long before its copies are made again elsewhere'),
  drainedDelayMs: ms(30 * MINUTE, 'and so long when it was being emptied before it stopped'),
  lostShare: num(
    1,
    100,
    25,
    'more than this share of the nodes (percent) lost within lostWindowMs: only last copies are repaired'
  ),
  lostWindowMs: ms(10 * MINUTE, 'see lostShare'),
  pauseMs: ms(1 * HOUR, 'and for so long, or until they return'),
  copiesPerNode: num(1, 64, 2, 'copies that one node gives, and that one node takes, at once'),
  copiesMax: num(1, 1024, 16, 'copies made at once in all'),
  busyShare: num(
    1,
    100,
    30,
    'share of the time (percent) in which repair moves chunks of a node whose clients are busy'
  ),
  floorBytes: bytes(
    4 * MIB,
    'and it always moves at least so many bytes a second per node, however busy clients are'
  ),
  queueMax: num(1, 1_000_000, 10_000, 'chunks remembered per urgency; the rest is found by looking again'),
  patrolMs: ms(10 * MINUTE, 'all chunks are looked at again so often, also when no node came or went')
})

const inventory = z.strictObject({
  intervalMs: ms(6 * HOUR, 'what a node holds is compared with the metadata so often, beside at its start'),
  quarantineMs: ms(
    1 * HOUR,
    'a chunk that nothing refers to is deleted when two inventories at least so far apart saw it'
  ),
  sweepMax: num(
    0,
    1_000_000_000,
    1000,
    'a sweep of more unknown chunks than this, and of more than sweepShare, waits for an operator'
  ),
  sweepShare: num(0, 100, 10, 'percent of the chunks of a node; see sweepMax')
})

const scrub = z.strictObject({
  intervalMs: ms(14 * DAY, 'every chunk is read and verified within so long'),
  newAfterMs: ms(12 * HOUR, 'a new chunk is read again after so long, and within twice that'),
  bytesPerSecond: bytes(8 * MIB, 'pace while clients are busy; 0: as fast as it can'),
  idleFactor: num(1, 1000, 4, 'and so many times that while they are not'),
  roundMs: ms(10 * MINUTE, 'pause between two looks for chunks that are due'),
  quarantineMs: ms(7 * DAY, 'rotten bytes are kept for salvage so long')
})

const cold = z.strictObject({
  afterMs: ms(
    30 * DAY,
    'chunks nobody has read for so long move to nodes of the cold tier, if there are any'
  ),
  warmReads: num(1, 1000, 3, 'reads within warmWindowMs that bring a chunk back to hot nodes'),
  warmWindowMs: ms(7 * DAY, 'see warmReads'),
  readStepMs: ms(10 * MINUTE, 'reads of a chunk within so long count as one')
})

const snapshot = z.strictObject({
  intervalMs: ms(2 * SECOND, 'changes of the metadata go to nodes so often'),
  nodes: num(0, 16, 3, 'nodes that keep snapshots of the metadata; 0: none do'),
  baseFactor: num(
    1,
    1000,
    2,
    'a new base is made when the changes since the last one are so many times its size'
  ),
  noteTimeoutMs: ms(
    2 * SECOND,
    'a redemption waits so long for a node on another machine to take note of it; then it fails'
  ),
  recoverQuietMs: ms(
    1 * MINUTE,
    'no node may have heard the old controller for so long before another takes over'
  ),
  gatherMs: ms(10 * SECOND, 'a recovery waits so long for nodes to be found')
})

const link = z.strictObject({
  ttlMs: ms(2 * DAY, 'a link expires after so long unless the sender says otherwise'),
  ttlMinMs: ms(1 * SECOND, 'shortest expiry a sender may ask for'),
  ttlMaxMs: ms(30 * DAY, 'longest expiry a sender may ask for'),
  downloads: num(1, 10_000, 1, 'redemptions per link unless the sender says otherwise'),
  downloadsMax: num(1, 10_000, 100, 'most redemptions a sender may ask for'),
  leaseMs: ms(10 * MINUTE, 'a claim lives so long after the last byte sent'),
  leaseMaxMs: ms(24 * HOUR, 'and at most so long after it was made'),
  graceMs: ms(
    10 * MINUTE,
    'the claimant is still served so long after everything was sent: all sent is not all received'
  ),
  budgetFactor: num(1, 100, 3, 'a claim may send so many times the size of the file'),
  connectionsMax: num(1, 1000, 16, 'connections at once for one claim, on one edge'),
  passwordMemoryKiB: num(
    128,
    PASSWORD_MEMORY_KIB_MAX,
    19 * 1024,
    'memory that hashing the password of a link takes (argon2id; KiB); with passes and lanes as OWASP advises'
  ),
  passwordPasses: num(1, PASSWORD_PASSES_MAX, 2, 'passes over that memory'),
  passwordLanes: num(1, PASSWORD_LANES_MAX, 1, 'lanes of argon2id'),
  passwordAttempts: num(
    1,
    1_000_000,
    10,
    'wrong passwords that are heard for one link within passwordWindowMs'
  ),
  passwordAttemptsPerAddress: num(1, 1_000_000, 30, 'and from one address, for all links together'),
  passwordWindowMs: ms(1 * HOUR, 'within so long all attempts come back, one by one'),
  reportIntervalMs: ms(2 * SECOND, 'progress of a download is reported to the controller at least so often')
})

const edge = z.strictObject({
  host: z.string().default('127.0.0.1').describe('address to listen on'),
  port: num(0, 65_535, 8080, 'port to listen on; 0 takes any'),
  publicUrl: z
    .union([z.literal(''), z.url()])
    .default('')
    .describe('how people reach this edge, if not by the address of the request'),
  tlsCert: z.string().default('').describe('certificate chain (PEM file); empty: plain HTTP'),
  tlsKey: z.string().default('').describe('key of the certificate (PEM file)'),
  tlsReloadMs: ms(1 * MINUTE, 'certificate files are looked at again so often'),
  trustedProxies,
  uploadBytesMax: bytes(10 * MIB, 'largest anonymous upload'),
  memoryBytes: bytes(64 * MIB, 'chunks held in memory at once, by all uploads and downloads together'),
  cacheBytes: bytes(128 * MIB, 'chunks kept for their next readers, beside memoryBytes; 0: none are'),
  cacheMs: ms(10 * MINUTE, 'and for so long after they were read last'),
  memoryWaitersMax: num(1, 100_000, 4096, 'transfers that wait for memory; more are turned away'),
  memoryWaitMs: ms(
    5 * MINUTE,
    'longest wait for memory before a transfer is turned away; 1000 uploads of 5 MB at once take two on a small machine'
  ),
  chunksInFlight: num(1, 64, 3, 'chunks of one upload on their way at once'),
  chunksAhead: num(0, 64, 2, 'chunks of one download fetched ahead'),
  stallMs: ms(30 * SECOND, 'a body that makes no progress for so long is cut off'),
  rateMinBytes: bytes(
    4 * 1024,
    'an upload that brings fewer bytes a second, over stallMs of waiting for it, is cut off: it holds memory meanwhile; 0: none is'
  ),
  headersMs: ms(20 * SECOND, 'request headers must have arrived after so long'),
  keepAliveMs: ms(10 * SECOND, 'an idle connection is kept so long'),
  connectionsMax: num(1, 1_000_000, 10_000, 'open connections'),
  passwordsAtOnce: num(
    1,
    64,
    2,
    'passwords hashed at once, each with link.passwordMemoryKiB of memory beside memoryBytes, on a thread of its own'
  ),
  passwordWaitersMax: num(
    0,
    10_000,
    64,
    'passwords that wait for that, of one address at most half; more are turned away'
  ),
  connectionsPerAddress: num(
    1,
    1_000_000,
    4000,
    'open connections of one address that is no trusted proxy; 1000 transfers at once must pass'
  ),
  addressesMax: num(
    16,
    10_000_000,
    50_000,
    'addresses whose requests and uploads are counted; of more, those that asked least are forgotten'
  ),
  slowMs: ms(
    5 * SECOND,
    'a transfer whose other side takes longer over one chunk gives its memory to others that wait for it'
  ),
  ratePerMinute: num(1, 10_000_000, 6000, 'requests from one address within a minute; 300 at once must pass'),
  forbiddenTypes,
  stopMs: ms(3 * SECOND, 'transfers under way get so long to finish when the edge stops')
})

/**
 * What people of one role may do. Each role has a section of this shape: one that is added gets limits of its own. `edge.uploadBytesMax` is the size of
 * one anonymous file; it is older than roles, and stays where it was.
 */
const roleLimits = (defaults: { uploadsPerHour: number; dailyBytesMax: number; spaceBytesMax: number }) =>
  z.strictObject({
    uploadsPerHour: num(
      0,
      1e9,
      defaults.uploadsPerHour,
      'uploads of one address in an hour, per edge; 0: any'
    ),
    dailyBytesMax: bytes(defaults.dailyBytesMax, 'uploaded by one address in a day, per edge; 0: any'),
    uploadsAtOnce: num(1, 1_000_000, 2000, 'uploads of one address at once, on one edge'),
    downloadsAtOnce: num(1, 1_000_000, 2000, 'downloads of one address at once, on one edge'),
    spaceBytesMax: bytes(
      defaults.spaceBytesMax,
      'files of this role in the whole cluster, those being uploaded included; 0: what the nodes have'
    )
  })

const anonymous = roleLimits({ uploadsPerHour: 36_000, dailyBytesMax: 256 * 1024 * MIB, spaceBytesMax: 0 })

const scan = z.strictObject({
  command: list('program that gets each file on its input, and ends with 0 (clean) or 1 (infected)'),
  clamd: text('', 'in place of a program: clamd, as host:port or the path of its socket'),
  required: z
    .boolean()
    .default(true)
    .describe('without a verdict an upload is refused; false: it passes, and is logged and counted'),
  timeoutMs: ms(1 * MINUTE, 'the scanner must take each chunk within so long, and then give its verdict'),
  scansMax: num(1, 10_000, 8, 'files being scanned at once on one edge; others wait'),
  waitMs: ms(1 * MINUTE, 'longest wait for the scanner before an upload is turned away')
})

const network = z.strictObject({
  host: z
    .string()
    .default('127.0.0.1')
    .describe('address the peer network listens on; 0.0.0.0 for other machines'),
  port: num(0, 65_535, 0, 'port of the peer network; 0: any, and the same again at the next start'),
  announce: list('multiaddrs to announce in place of those found, e.g. behind NAT'),
  connectionsMax: num(1, 10_000, 300, 'open connections to peers'),
  machine: z.string().default('').describe('name of this machine for placement; empty: its host name'),
  zone: z.string().default('').describe('rack, room or site; copies are spread over zones'),
  tier: z.enum(['hot', 'cold']).default('hot').describe('tier of this node')
})

const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('least level that is written')
})

const sections = {
  heartbeat,
  replication,
  node,
  controller,
  repair,
  inventory,
  scrub,
  cold,
  snapshot,
  link,
  edge,
  anonymous,
  scan,
  ...accountSections,
  ...historySections,
  ...socketSections,
  ...eventSections,
  ...blockSections,
  ...webhookSections,
  ...poolSections,
  network,
  log
}

/** Input schema: every section and key may be left out. */
export const configSchema = z.strictObject({
  heartbeat: heartbeat.prefault({}),
  replication: replication.prefault({}),
  node: node.prefault({}),
  controller: controller.prefault({}),
  repair: repair.prefault({}),
  inventory: inventory.prefault({}),
  scrub: scrub.prefault({}),
  cold: cold.prefault({}),
  snapshot: snapshot.prefault({}),
  link: link.prefault({}),
  edge: edge.prefault({}),
  anonymous: anonymous.prefault({}),
  scan: scan.prefault({}),
  ...accountShape,
  ...historyShape,
  ...socketShape,
  ...eventShape,
  ...blockShape,
  ...webhookShape,
  ...poolShape,
  network: network.prefault({}),
  log: log.prefault({})
})

export type Config = z.output<typeof configSchema>
export type ConfigInput = z.input<typeof configSchema>

/** @throws `config-invalid`, naming each wrong key. */
export function parseConfig(input: unknown, source = 'configuration'): Config {
  const result = configSchema.safeParse(input)
  if (result.success) return result.data
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'top level'}: ${issue.message}`
  )
  throw new PeerbinError('config-invalid', `${source}: ${problems.join('; ')}`)
}

/** All settings at their defaults. */
export const defaultConfig = (): Config => parseConfig({})

/** One line per setting, for `peerbin config` and the documentation. */
export function describeConfig(): Array<{ key: string; value: unknown; text: string }> {
  const values: Record<string, Record<string, unknown>> = defaultConfig()
  return Object.entries(sections).flatMap(([section, schema]) => {
    const shape: Record<string, z.ZodType> = schema.shape
    return Object.entries(shape).map(([key, field]) => ({
      key: `${section}.${key}`,
      value: values[section]?.[key],
      text: field.description ?? ''
    }))
  })
}

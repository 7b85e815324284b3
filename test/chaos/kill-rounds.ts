/** Rounds in which the edges and the controller are killed in the middle of redemptions: no link is lost, and none has two winners. */

import { redeem, revoke, tryAgain, uploadFile } from './clients.ts'
import type { ClientDeps } from './clients.ts'
import { History } from './history.ts'
import { checkLedger } from './ledger.ts'
import type { FileEntry } from './ledger.ts'
import { readOptions, runProgram } from './program.ts'
import { Dice } from './random.ts'
import { pause } from './scene.ts'

const SIZE_MAX = 6_000_000
/** Everybody must have been told yes or no, and have everything, so long after the processes are back. */
const PATIENCE_MS = 300_000

const options = readOptions(
  'kill-rounds',
  'In each round files are uploaded, several clients redeem each of them, and in the middle of it an edge and the controller are killed (SIGKILL) and started again. Afterwards every acknowledged file was got once, whole, by one client, and no used link works.',
  {
    rounds: { what: 'how often', default: 50, least: 1, most: 10_000 },
    files: {
      what: 'files in each round; one of them is left for the end, and one withdrawn',
      default: 5,
      least: 2,
      most: 100
    },
    clients: { what: 'clients that redeem each file at once', default: 4, least: 1, most: 64 },
    edges: { what: 'HTTP edges', default: 2, least: 2, most: 8 },
    nodes: { what: 'storage nodes', default: 3, least: 3, most: 12 }
  }
)

const settings = [
  `edge.uploadBytesMax=${SIZE_MAX}`,
  // a claimant that was cut off comes back in time, however slow the machine is
  'link.leaseMs=600000',
  'link.graceMs=600000'
]
const timeLimitSeconds = options['time-limit']
await runProgram('kill-rounds', { ...options, settings, timeLimitSeconds }, async (cluster) => {
  const dice = new Dice(options.seed)
  const history = new History()
  const files: FileEntry[] = []
  const clientOf = (number: number): ClientDeps => ({
    urls: cluster.urls,
    dice: new Dice(options.seed * 100_000 + number),
    history
  })
  let clients = 0

  const newFile = async (): Promise<FileEntry> => {
    const index = files.length
    const sizeBytes = dice.whole(1, dice.pick([1000, 500_000, SIZE_MAX]))
    const entry = uploadFile(clientOf(clients++), { seed: options.seed, index, content: index, sizeBytes })
    const file = await entry
    files.push(file)
    return file
  }

  const kills = { edge: 0, controller: 0 }
  for (let round = 1; round <= options.rounds; round++) {
    const fresh: FileEntry[] = []
    while (fresh.length < options.files) {
      const file = await newFile()
      if (file.upload === 'acknowledged') fresh.push(file)
      else await pause(300)
    }
    const giveUpAt = performance.now() + PATIENCE_MS
    const [, withdrawn, ...redeemed] = fresh // the first is left for the end
    const acting = [
      ...redeemed.flatMap((file) =>
        Array.from({ length: options.clients }, () => redeem(clientOf(clients++), file, () => giveUpAt))
      ),
      ...(withdrawn === undefined ? [] : [revoke(clientOf(clients++), withdrawn)])
    ]
    // from before the first claim is made to after the last byte was sent
    await pause(dice.between(0, dice.pick([50, 300, 1500])))
    const edge = dice.pick(cluster.edges)
    const both = dice.fraction() < 0.5
    const killEdge = async (): Promise<void> => {
      kills.edge++
      await edge.kill()
      await pause(dice.between(0, 500))
      edge.start()
    }
    const killController = async (): Promise<void> => {
      kills.controller++
      await cluster.controller.kill()
      await pause(dice.between(0, 500))
      cluster.controller.start()
    }
    if (both) await Promise.all([killEdge(), killController()])
    else {
      await killEdge()
      await pause(dice.between(0, 300))
      await killController()
    }
    await Promise.all(acting)
    const open = fresh
      .flatMap(({ redeemers }) => redeemers)
      .filter(({ outcome }) => outcome === 'open').length
    console.log(
      `round ${round}: ${fresh.length} files${open > 0 ? `, ${open} clients without an answer` : ''}`
    )
  }

  const acknowledged = files.filter(({ upload }) => upload === 'acknowledged')
  const deadline = performance.now() + PATIENCE_MS
  for (const file of acknowledged)
    if (file.redeemers.length === 0 && file.revoked !== 'acknowledged')
      await redeem(clientOf(clients++), file, () => deadline)
  for (const file of acknowledged) await tryAgain(clientOf(clients++), file, performance.now() + PATIENCE_MS)
  const problems = checkLedger(files).map(
    ({ invariant, file, text }) => `${invariant}, file ${file}: ${text}`
  )
  const winners = acknowledged
    .flatMap(({ redeemers }) => redeemers)
    .filter(({ outcome }) => outcome === 'won').length
  return {
    problems,
    summary: `${options.rounds} rounds, ${acknowledged.length} links, ${winners} winners, ${clients} clients; killed ${kills.edge} edges and ${kills.controller} controllers`
  }
})

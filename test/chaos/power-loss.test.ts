/** Power loss of all machines at once: whatever was promised before is on the disks, wherever the cut comes. See docs/chaos.md. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { checkImage, parseFacts } from './power-loss/check.ts'
import { CRASH_MODES, DiskModel } from './power-loss/disk-model.ts'
import { type Plant, recordLoad } from './power-loss/record.ts'
import { straceHindrance } from './power-loss/trace.ts'
import { Dice } from './random.ts'

t.setTimeout(600_000)

/** `PEERBIN_CRASH_IMAGES=5000 npx tap test/chaos/power-loss.test.ts` before a release. */
const IMAGES = Number(process.env['PEERBIN_CRASH_IMAGES'] ?? 60)
const SEED = Number(process.env['PEERBIN_SEED'] ?? 20261121)
/** In memory, where there is such a folder: the images are opened and synced hundreds of times. */
const ROOM = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const hindrance = straceHindrance()
const skip = hindrance !== undefined && process.env['CI'] === undefined ? hindrance : false
if (skip !== false) process.stderr.write(`SKIPPED: power loss: ${skip}\n`)

/** Records a load, then cuts the power in so many ways. @returns what was wrong, by image */
async function cutPower(t: Test, images: number, plant?: Plant): Promise<string[]> {
  const room = mkdtempSync(join(ROOM, 'peerbin-power-'))
  t.teardown(() => rmSync(room, { recursive: true, force: true }))
  const model = new DiskModel(recordLoad(room, plant))
  const dice = new Dice(SEED)
  const promises = model.said.filter(({ text }) => /upload|claim|revoke"/.test(text))
  t.comment(`${model.syncPlaces.length} syncs, ${promises.length} promises, ${images} images`)
  const wrong: string[] = []
  for (let image = 0; image < images; image++) {
    const mode = CRASH_MODES[image % CRASH_MODES.length] ?? 'nothing'
    // right after something became durable or was promised, or anywhere
    const places = [promises.map(({ place }) => place), model.syncPlaces, [dice.whole(0, model.end)]]
    const place = dice.pick(places[image % places.length] ?? [0])
    const folder = join(room, 'image')
    model.writeImage(folder, place, mode, dice)
    const facts = parseFacts(model.said.filter((line) => line.place <= place).map(({ text }) => text))
    for (const text of await checkImage(folder, facts))
      wrong.push(`image ${image} (${mode} at ${place}): ${text}`)
    rmSync(folder, { recursive: true, force: true })
  }
  return wrong
}

t.test(`every promise survives power loss: ${IMAGES} images (seed ${SEED})`, { skip }, async (t) => {
  t.same((await cutPower(t, IMAGES)).slice(0, 20), [])
})

t.test('a node that gives receipts before it has synced is found', { skip }, async (t) => {
  const wrong = await cutPower(t, 12, 'lazy-chunks')
  t.match(wrong, [/a chunk of an acknowledged file has|which is on record/], wrong[0] ?? 'nothing was found')
})

t.test('a controller that answers before it has synced is found', { skip }, async (t) => {
  const wrong = await cutPower(t, 12, 'lazy-metadata')
  t.match(wrong, [/an acknowledged link is not there|answers a stranger/], wrong[0] ?? 'nothing was found')
})

/** Puts a plan in an order that the local folder has room for: what would come to where something else is waits for that, or sends it aside. */

import { foldersOf } from '../bundle/paths.ts'
import { MOVING } from './conflict-name.ts'
import type { Action, HashedFile, Plan, Trees } from './plan-types.ts'

/** Where an action puts a local file; undefined: nowhere. */
const targetOf = (action: Action): string | undefined => {
  if (action.do === 'download') return action.file.path
  return action.do === 'move-local' ? action.to : undefined
}

/** The local file that an action takes away from its path, or replaces. */
const sourceOf = (action: Action): HashedFile | undefined => {
  if (action.do === 'move-local' || action.do === 'remove-local' || action.do === 'set-aside')
    return action.local
  return action.do === 'download' ? action.replaces : undefined
}

/** A name for a file that has to make room for a moment, so that two can change places; in the uppermost folder, since a folder of its own may be what is in dispute. */
const momentaryName = (path: string, isTaken: (path: string) => boolean): string => {
  const name = path.slice(path.lastIndexOf('/') + 1).slice(0, 60)
  for (let number = 1; ; number++) {
    const free = `${name}.moving-${number}`
    if (!isTaken(free)) return free
  }
}

/** The plan with those actions moved to `waiting` that have no room yet, and with conflicting local files set aside. */
export function makeRoom(trees: Trees, plan: Plan): Plan {
  const leaving = new Map<string, Action>()
  for (const action of plan.actions) {
    const source = sourceOf(action)
    if (source !== undefined && targetOf(action) !== source.path) leaving.set(source.path, action)
  }
  const based = new Set([...trees.base.values()].map((base) => base.path))
  const below = localFolders(trees)
  const asides = new Map<string, Action>()
  const ready: Action[] = []
  const waiting: Action[] = [...plan.waiting]
  for (const action of plan.actions) {
    const target = targetOf(action)
    const blockers = target === undefined ? [] : blockersOf(trees, below, target, sourceOf(action))
    if (blockers.length === 0) {
      ready.push(action)
      continue
    }
    waiting.push(action)
    for (const { local, part } of blockers) {
      // what is new here and stands in the way of what the server has is in conflict with it; what the server knows will leave by an action of its own
      if (!leaving.has(local.path) && !based.has(local.path))
        asides.set(local.path, { do: 'set-aside', local, part })
    }
  }
  // what is set aside is not sent under its old name
  const actions = ready.filter((action) => !isOvertaken(action, asides))
  actions.push(...asides.values())
  return { ...plan, actions: actions.length > 0 ? actions : breakCircle(trees, waiting), waiting }
}

const isOvertaken = (action: Action, asides: ReadonlyMap<string, Action>): boolean =>
  (action.do === 'upload' || action.do === 'move-remote') && asides.has(action.local.path)

/** Nothing can be done because files are to change places: one of them makes room. */
function breakCircle(trees: Trees, waiting: readonly Action[]): Action[] {
  const move = waiting.find((action) => action.do === 'move-local' && !MOVING.test(action.local.path))
  if (move?.do !== 'move-local') return []
  const folders = localFolders(trees)
  const to = momentaryName(
    move.local.path,
    (path) => trees.local.has(path) || folders.has(path) || trees.isFrozen(path)
  )
  return [{ ...move, to }]
}

/** For each folder the local files below it. */
function localFolders(trees: Trees): Map<string, HashedFile[]> {
  const folders = new Map<string, HashedFile[]>()
  for (const file of trees.local.values()) {
    for (const folder of foldersOf(file.path)) {
      const files = folders.get(folder)
      if (files === undefined) folders.set(folder, [file])
      else files.push(file)
    }
  }
  return folders
}

/** Local files that are where something is to come, where it needs a folder, or below it; `part`: the path in dispute. */
function blockersOf(
  trees: Trees,
  below: ReadonlyMap<string, HashedFile[]>,
  target: string,
  self: HashedFile | undefined
): { local: HashedFile; part: string }[] {
  const found: { local: HashedFile; part: string }[] = []
  const there = trees.local.get(target)
  if (there !== undefined && there.path !== self?.path) found.push({ local: there, part: target })
  for (const folder of foldersOf(target)) {
    const file = trees.local.get(folder)
    if (file !== undefined) found.push({ local: file, part: folder })
  }
  for (const local of below.get(target) ?? []) found.push({ local, part: target })
  return found
}

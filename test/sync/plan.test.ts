/** The planner, case by case: what each side did since both agreed, and what is decided. Histories of several steps: histories.test.ts. */

import t from 'tap'
import { planSync } from '../../src/sync/plan.ts'
import type { HashedFile, Plan, Trees } from '../../src/sync/plan-types.ts'
import type { RemoteFile } from '../../src/sync/remote.ts'
import type { BaseFile } from '../../src/sync/state.ts'
import type { EntryId } from '../../src/types.ts'

/** `path: content`, in the order of ids; an empty content is an empty file. */
type Files = Record<string, string>

/** Remote files by id: `id: [path, content, version]`. */
type There = Record<string, readonly [path: string, content: string, version?: number]>

function plan(base: There, local: Files, remote: There, frozen: readonly string[] = []): Plan {
  const trees: Trees = {
    base: new Map(
      Object.entries(base).map(([id, [path, content, version = 1]]): [EntryId, BaseFile] => [
        id as EntryId,
        { id: id as EntryId, path, version, sha256: content, sizeBytes: content.length }
      ])
    ),
    remote: new Map(
      Object.entries(remote).map(([id, [path, content, version = 1]]): [EntryId, RemoteFile] => [
        id as EntryId,
        {
          id: id as EntryId,
          path,
          version,
          sha256: content,
          sizeBytes: content.length,
          changedAt: 0,
          mediaType: 'a/b',
          metadata: {}
        }
      ])
    ),
    local: new Map(
      Object.entries(local).map(([path, content]): [string, HashedFile] => [
        path,
        { path, sha256: content, sizeBytes: content.length, stamp: `${path} ${content}`, modifiedAt: 0 }
      ])
    ),
    isFrozen: (path) => frozen.some((one) => path === one || path.startsWith(`${one}/`))
  }
  return planSync(trees)
}

function told({ settlements, actions, waiting, empty }: Plan): string[] {
  return [
    ...settlements.map((one) =>
      one.settle === 'agree'
        ? `agree ${one.file.id} ${one.local.path}`
        : `${one.settle} ${one.base.id}${one.settle === 'rebase' ? ` ${one.path}` : ''}`
    ),
    ...[
      ...actions.map((action) => ({ action, as: '' })),
      ...waiting.map((action) => ({ action, as: 'later: ' }))
    ].map(({ action, as }) => {
      if (action.do === 'upload')
        return `${as}upload ${action.local.path}${action.replaces ? ` over ${action.replaces.version}` : ''}`
      if (action.do === 'download')
        return `${as}download ${action.file.path}${action.replaces ? ' over' : ''}`
      if (action.do === 'move-local') return `${as}move-local ${action.local.path} ${action.to}`
      if (action.do === 'move-remote') return `${as}move-remote ${action.file.path} ${action.to}`
      if (action.do === 'set-aside') return `${as}set-aside ${action.local.path} at ${action.part}`
      return `${as}${action.do} ${action.do === 'remove-local' ? action.local.path : action.file.path}`
    }),
    ...empty.map((path) => `empty ${path}`)
  ]
}

const cases: readonly [
  name: string,
  base: There,
  local: Files,
  remote: There,
  expected: string[],
  frozen?: string[]
][] = [
  ['nothing happened', { f: ['a', '1'] }, { a: '1' }, { f: ['a', '1'] }, []],
  ['edited here', { f: ['a', '1'] }, { a: '2' }, { f: ['a', '1'] }, ['upload a over 1']],
  ['edited there', { f: ['a', '1'] }, { a: '1' }, { f: ['a', '2', 2] }, ['download a over']],
  ['edited alike', { f: ['a', '1'] }, { a: '2' }, { f: ['a', '2', 2] }, ['agree f a']],
  ['a version with the same content', { f: ['a', '1'] }, { a: '1' }, { f: ['a', '1', 2] }, ['agree f a']],
  [
    'an old version counts again, and it is edited here',
    { f: ['a', '1', 3] },
    { a: '2' },
    { f: ['a', '1', 1] },
    ['upload a over 1']
  ],
  ['edited on both sides', { f: ['a', '1'] }, { a: '2' }, { f: ['a', '3', 2] }, ['set-aside a at a']],
  ['deleted here', { f: ['a', '1'] }, {}, { f: ['a', '1'] }, ['remove-remote a']],
  ['deleted there', { f: ['a', '1'] }, { a: '1' }, {}, ['remove-local a']],
  ['deleted on both sides', { f: ['a', '1'] }, {}, {}, ['forget f']],
  ['deleted here, edited there', { f: ['a', '1'] }, {}, { f: ['a', '2', 2] }, ['download a']],
  ['deleted here, moved there', { f: ['a', '1'] }, {}, { f: ['b', '1'] }, ['download b']],
  ['edited here, deleted there', { f: ['a', '1'] }, { a: '2' }, {}, ['forget f']],
  ['new here', {}, { a: '1' }, {}, ['upload a']],
  ['new there', {}, {}, { f: ['a', '1'] }, ['download a']],
  ['new on both sides, alike', {}, { a: '1' }, { f: ['a', '1'] }, ['agree f a']],
  ['new on both sides', {}, { a: '1' }, { f: ['a', '2'] }, ['set-aside a at a']],
  ['moved here', { f: ['a', '1'] }, { b: '1' }, { f: ['a', '1'] }, ['move-remote a b']],
  ['moved here, edited there', { f: ['a', '1'] }, { b: '1' }, { f: ['a', '2', 2] }, ['move-remote a b']],
  ['moved here, deleted there', { f: ['a', '1'] }, { b: '1' }, {}, ['forget f', 'upload b']],
  ['moved there', { f: ['a', '1'] }, { a: '1' }, { f: ['b', '1'] }, ['move-local a b']],
  ['moved there, edited here', { f: ['a', '1'] }, { a: '2' }, { f: ['b', '1'] }, ['move-local a b']],
  ['moved alike', { f: ['a', '1'] }, { b: '1' }, { f: ['b', '1'] }, ['rebase f b']],
  ['moved alike, edited there', { f: ['a', '1'] }, { b: '1' }, { f: ['b', '2', 2] }, ['rebase f b']],
  ['moved to two places', { f: ['a', '1'] }, { b: '1' }, { f: ['c', '1'] }, ['move-local b c']],
  ['copied here', { f: ['a', '1'] }, { a: '1', b: '1' }, { f: ['a', '1'] }, ['upload b']],
  [
    'moved here to below a file that was deleted',
    { f: ['a', '1'], g: ['d', '2'] },
    { 'd/a': '1' },
    { f: ['a', '1'], g: ['d', '2'] },
    ['remove-remote d', 'later: move-remote a d/a']
  ],
  [
    'moved here to below a file that is there',
    { f: ['a', '1'] },
    { 'd/a': '1' },
    { f: ['a', '1'], g: ['d', '2'] },
    ['set-aside d/a at d', 'later: download d']
  ],
  ['moved here to below itself', { f: ['d', '1'] }, { 'd/a': '1' }, { f: ['d', '1'] }, ['move-remote d d/a']],
  [
    'two alike are moved: names tell which',
    { f: ['x/a', '1'], g: ['x/b', '1'] },
    { 'y/b': '1', 'y/a': '1' },
    { f: ['x/a', '1'], g: ['x/b', '1'] },
    ['move-remote x/a y/a', 'move-remote x/b y/b']
  ],
  [
    'moved there to where something new is here',
    { f: ['a', '1'] },
    { a: '1', b: '2' },
    { f: ['b', '1'] },
    ['set-aside b at b', 'later: move-local a b']
  ],
  [
    'moved there into each other’s place',
    { f: ['a', '1'], g: ['b', '2'] },
    { a: '1', b: '2' },
    { f: ['b', '1'], g: ['a', '2'] },
    ['move-local a a.moving-1', 'later: move-local a b', 'later: move-local b a']
  ],
  [
    'moved there, after what was there',
    { f: ['a', '1'], g: ['b', '2'] },
    { a: '1', b: '2' },
    { f: ['b', '1'] },
    ['remove-local b', 'later: move-local a b']
  ],
  [
    'a folder here, a file there',
    {},
    { 'd/a': '1' },
    { f: ['d', '2'] },
    ['set-aside d/a at d', 'later: download d']
  ],
  [
    'a file here, a folder there',
    {},
    { d: '1' },
    { f: ['d/a', '2'] },
    ['set-aside d at d', 'later: download d/a']
  ],
  [
    'a file becomes a folder here',
    { f: ['d', '1'] },
    { 'd/a': '2' },
    { f: ['d', '1'] },
    ['remove-remote d', 'later: upload d/a']
  ],
  [
    'a file becomes a folder there',
    { f: ['d', '1'] },
    { d: '1' },
    { g: ['d/a', '2'] },
    ['remove-local d', 'later: download d/a']
  ],
  [
    'made room, edited here and deleted there',
    { f: ['a.moving-1', '1'] },
    { 'a.moving-1': '2' },
    {},
    ['set-aside a.moving-1 at a.moving-1']
  ],
  [
    'moved there into a folder of its own name',
    { f: ['d', '1'] },
    { d: '1' },
    { f: ['d/d', '1'] },
    ['move-local d d.moving-1', 'later: move-local d d/d']
  ],
  ['emptied here', { f: ['a', '1'] }, { a: '' }, { f: ['a', '1'] }, ['empty a']],
  ['emptied here, edited there', { f: ['a', '1'] }, { a: '' }, { f: ['a', '2', 2] }, ['download a over']],
  ['empty and new here', {}, { a: '' }, {}, ['empty a']],
  ['empty and new here, and new there', {}, { a: '' }, { f: ['a', '2'] }, ['download a over']],
  [
    'what cannot be looked at is not gone',
    { f: ['a', '1'], g: ['d/b', '2'] },
    {},
    { f: ['a', '1'], g: ['d/b', '3', 2] },
    [],
    ['a', 'd']
  ],
  ['nothing comes to where something cannot be looked at', {}, {}, { f: ['a/b', '1'] }, [], ['a']]
]

for (const [name, base, local, remote, expected, frozen] of cases)
  t.test(name, async (t) => t.same(told(plan(base, local, remote, frozen)), expected))

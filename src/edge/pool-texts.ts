/** What the pages of pools say. */

import { durationText, sizeText } from './texts.ts'

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`
const filesText = (n: number): string => count(n, 'file')
const producersText = (n: number): string => count(n, 'producer')

export const poolTexts = {
  roles: { owner: 'Owner', producer: 'Producer', listener: 'Listener', server: 'Server' },
  roleTexts: {
    owner: 'sees to members and settings, and may do everything',
    producer: 'sends files, and gets the results',
    listener: 'gets the results',
    server: 'works on groups, and sends their results'
  },
  admin: 'Administrator, not a member',

  list: {
    lead: 'Many producers send files; those of one window of time make a group; a server works on it, and everybody gets the result.',
    make: 'New pool',
    mine: 'Mine',
    all: 'Everybody’s',
    tabs: 'Whose pools',
    label: 'Pools',
    none: 'You are in no pool yet',
    noneText: 'Make one, or open the address that an owner of one gave you.',
    noneAtAll: 'There are no pools.',
    members: (n: number) => count(n, 'member'),
    archived: 'archived',
    silent: (n: number, isMore: boolean) => `${isMore ? `${n} or more producers` : producersText(n)} silent`,
    noneSilent: 'nobody silent',
    lastResult: 'last result:',
    noResult: 'no result yet'
  },

  make: {
    title: 'New pool',
    name: 'Name',
    submit: 'Make the pool',
    more: 'More settings',
    moreText: 'All of these can stay empty, and be changed later.'
  },

  settings: {
    title: 'Settings',
    open: 'Settings',
    saved: 'The settings were saved.',
    conflict: 'Somebody else changed the pool meanwhile. Close this and open it again to see how it is now.',
    units: { s: 'seconds', min: 'minutes', h: 'hours', d: 'days' },
    unitOf: (label: string) => `${label}: unit`,
    outside: (label: string, least: number, most: number) =>
      `${label}: it can be ${durationText(least)} to ${durationText(most)}.`,
    noNumber: (label: string) => `${label}: a whole number from 1 on is needed.`,
    needed: (label: string) => `${label} is missing.`,
    hint: (text: string, otherwise: string) => (otherwise === '' ? text : `${text} Empty: ${otherwise}.`),
    durations: {
      frequency_s: {
        label: 'Producers send every',
        hint: 'At least so often. Who has not sent for longer is shown as silent.',
        otherwise: ''
      },
      window_s: {
        label: 'Window',
        hint: 'Files of one window of time make a group. Windows begin at multiples of this length since 1970 (UTC).',
        otherwise: 'as often as producers send'
      },
      grace_s: {
        label: 'Grace',
        hint: 'After the end of a window its group still takes files for so long; what comes later makes a late group.',
        otherwise: 'a tenth of the window'
      },
      tolerance_s: {
        label: 'Tolerance of clocks',
        hint: 'How far a producer’s clock may be off, and a timestamp ahead.',
        otherwise: '5 minutes'
      },
      max_age_s: {
        label: 'Oldest timestamp',
        hint: 'Files that are older are refused.',
        otherwise: '30 days'
      },
      lease_s: {
        label: 'Lease',
        hint: 'A server has a group for so long, unless it renews; then another one may take it.',
        otherwise: '10 minutes'
      },
      files_kept_s: {
        label: 'Files are kept for',
        hint: 'After their group is done, or has failed for good.',
        otherwise: '7 days'
      },
      results_kept_s: {
        label: 'Results are kept for',
        hint: 'After their group is done.',
        otherwise: '30 days'
      }
    },
    counts: {
      close_at_producers: {
        label: 'Close when so many have sent',
        hint: 'A group closes as soon as so many producers have sent for it. Empty: it waits for its time.',
        otherwise: ''
      },
      attempts_max: { label: 'Attempts', hint: 'A group is tried so often in all.', otherwise: '3' }
    },
    archive: 'Archive the pool',
    archiveText:
      'An archived pool takes nothing in any more. What is open closes and is worked on, and results stay.',
    archiveDone: 'The pool is archived.',
    unarchive: 'Take it out of the archive',
    unarchiveText: 'The pool is archived. Taken out of the archive, it takes files in again.',
    unarchiveDone: 'The pool takes files in again.',
    remove: 'Delete the pool',
    removeText:
      'Its members, files and results go with it, for everybody and at once. Nothing brings them back.',
    removeName: (name: string) => `To delete it, type its name: ${name}`,
    removeField: 'Name of the pool',
    removeWrong: 'That is not its name.'
  },

  pool: {
    back: 'Pools',
    role: (role: string) => `You are: ${role}.`,
    facts: (window: string, frequency: string) => `Windows of ${window}; producers send every ${frequency}.`,
    archived: 'This pool is archived: it takes nothing in any more. Its results stay.',
    gone: 'This pool is not there',
    goneText: 'It was deleted, or you are not a member of it.',
    leave: 'Leave the pool',
    leaveSure: 'You get no more results, and come back only if an owner lets you.',
    mineTitle: 'What you sent',
    mineLast: 'Last sent',
    mineNever: 'You have not sent anything yet.',
    mineSilent: (time: string) => `You should have sent again by ${time}.`,
    mineWell: 'Nothing is overdue.',
    mineHow: 'Files are sent by a program:',
    listenHow: 'A program fetches all results, and those to come, with:',
    serveHow: 'A program works on groups with:',
    programs: 'For programs',
    id: 'Id of the pool',
    copyId: 'Copy id'
  },

  commands: {
    send: (pool: string) => `peerbin pool send ${pool} outbox/`,
    results: (pool: string) => `peerbin pool results ${pool} --follow -o results/`,
    serve: (pool: string) => `peerbin pool serve ${pool} --exec ./work.sh`,
    join: (url: string) => `peerbin pool join '${url}' --program --name NAME`,
    joinCurl: (origin: string, key: string) =>
      `curl ${origin}/api/pools/join -H 'Content-Type: application/json' -d '{"key": "${key}", "name": "NAME"}'`
  },

  members: {
    title: 'Members',
    add: 'Add a member',
    filter: 'Which members',
    filters: {
      all: 'All',
      silent: 'Silent',
      owner: 'Owners',
      producer: 'Producers',
      listener: 'Listeners',
      server: 'Servers'
    },
    none: 'There is nobody here.',
    noneSilent: 'No producer is silent.',
    program: 'program',
    you: 'you',
    lastSent: 'last sent',
    neverSent: 'has not sent yet',
    joined: 'joined',
    silentSince: 'silent since',
    addTitle: 'Add a member',
    addName: 'Name of the account',
    addNameHint: 'Of somebody with an account on this server. Others, and programs, join with a join key.',
    addRole: 'Role',
    addSubmit: 'Add',
    added: (name: string) => `${name} is a member now.`,
    roleOf: (name: string) => `Role of ${name}`,
    changed: (name: string, role: string) => `${name}: ${role}.`,
    remove: 'Remove',
    removeOf: (name: string) => `Remove ${name}`,
    removeSure: (name: string) => `${name} loses everything of this pool at once. What was sent stays.`,
    removeProgramSure: (name: string) =>
      `The program ${name} loses its account, which ends with this. What it sent stays.`,
    removed: (name: string) => `${name} was removed.`
  },

  keys: {
    title: 'Join keys',
    text: 'Whoever has a join key joins in its role: a person by opening its address, a program by a command.',
    none: 'There are no join keys.',
    make: 'New join key',
    role: 'Whoever joins becomes',
    expires: 'Valid for',
    lifetimes: [
      { value: 3600, label: 'one hour' },
      { value: 86_400, label: 'one day' },
      { value: 7 * 86_400, label: '7 days' },
      { value: 90 * 86_400, label: '90 days' },
      { value: 365 * 86_400, label: 'one year' }
    ],
    uses: 'How often',
    usesHint: 'Empty: any number of times.',
    usesBad: 'How often: a whole number from 1 on is needed, or nothing.',
    submit: 'Make the key',
    ready: 'Your new join key',
    url: 'Address, for a person',
    urlCopy: 'Copy address',
    command: 'Command, for a program',
    commandCopy: 'Copy command',
    key: 'The key alone',
    keyCopy: 'Copy key',
    once: 'Copy what you need now: it is shown only once.',
    until: 'valid until',
    used: (uses: number, most: number | null) =>
      most === null
        ? `used ${uses === 1 ? 'once' : `${uses} times`}`
        : `used ${uses} of ${count(most, 'time')}`,
    revoke: 'Revoke',
    revokeOf: (role: string, time: string) => `Revoke the join key for ${role} made ${time}`,
    revokeSure: 'Nobody joins by it any more. Who has joined stays.',
    revoked: 'The join key was revoked.'
  },

  groups: {
    title: 'Groups',
    lead: 'Each column is a window of time; its height is the number of files, stacked by producer.',
    none: 'Nothing was sent in this time.',
    toNewest: 'Go to the newest group',
    earlier: 'Earlier',
    later: 'Later',
    now: 'Now',
    moving: 'Move through time',
    range: (from: string, to: string) => `${from} to ${to}`,
    chart: 'Groups along time. Arrow keys go from one to the next, Enter opens it.',
    scroll: 'The picture is wider than its place; arrow keys move it.',
    states: {
      open: 'open',
      closed: 'waiting for a server',
      processing: 'being worked on',
      done: 'done',
      failed: 'failed'
    },
    late: 'late',
    lateLegend: 'late: came after its window was closed',
    span: 'worked on',
    legend: 'What the picture shows',
    others: 'others',
    files: filesText,
    nowLine: 'now',
    axis: 'files',
    window: (from: string, to: string) => `${from} – ${to}`,
    what: (window: string, state: string, isLate: boolean) => `${window}${isLate ? ', late' : ''}: ${state}`,
    numbers: (files: number, bytes: number, producers: number) =>
      `${filesText(files)} (${sizeText(bytes)}) of ${producersText(producers)}`,
    producers: (parts: ReadonlyArray<{ name: string; files: number }>) =>
      parts.map(({ name, files }) => `${name} ${files}`).join(', '),
    took: (seconds: number) => `worked on for ${durationText(seconds)}`,
    workedSoFar: (seconds: number) => `worked on for ${durationText(seconds)} so far`,
    result: (bytes: number) => `result of ${sizeText(bytes)}`,
    hover: 'Point at a column, or go to it with the arrow keys, to see its numbers.',
    table: 'The same as a table',
    tableLabel: 'Groups of this time',
    columns: {
      window: 'Window',
      state: 'State',
      files: 'Files',
      size: 'Size',
      producers: 'Producers',
      attempts: 'Attempts',
      worked: 'Worked on',
      result: 'Result'
    },
    cut: 'There are more groups in this time than are shown.'
  },

  group: {
    title: (window: string) => `Group of ${window}`,
    state: 'State',
    late: 'Late',
    lateText: (generation: number) =>
      generation <= 1
        ? 'Its files came after the window was closed.'
        : `Its files came after the window was closed; late group ${generation}.`,
    files: 'Files',
    closes: 'Closes',
    closed: 'Closed',
    attempts: 'Attempts',
    attemptsOf: (n: number, most: number) => `${n} of ${most}`,
    lease: 'Lease until',
    due: 'Tried again',
    failure: 'What failed',
    ended: 'Ended',
    result: 'Result',
    emptied: 'Its files are not kept any more.',
    producers: 'Producers',
    producersOf: 'Producers of the group',
    moreProducers: 'And others.',
    close: 'Close now',
    closeHint: 'It takes no more files then, and is worked on. What comes later makes a late group.',
    closeDone: 'The group is closed.',
    retry: 'Try again',
    retryDone: 'The group waits for a server again.',
    tar: 'Files as .tar',
    zip: 'Files as .zip',
    download: 'Download the result',
    gone: 'This group is not there any more.'
  },

  results: {
    title: 'Results',
    none: 'There is no result yet.',
    noneText: 'One is there as soon as a server has worked on a group.',
    download: 'Download',
    downloadOf: (name: string) => `Download ${name}`,
    until: 'kept until',
    over: 'not kept any more'
  },

  join: {
    lead: (role: string) => `This key lets you join as: ${role}.`,
    meaning: (role: string, text: string) => `${role}: ${text}.`,
    noKey: 'Part of the address is missing',
    noKeyText:
      'Open the whole address that you were given: what stands behind the # belongs to it. Or enter the key:',
    keyField: 'Join key',
    keyHint: 'It begins with pbjoin_.',
    look: 'Look',
    expires: 'Key valid until',
    every: 'Producers send every',
    window: 'Window',
    role: 'Role',
    as: (name: string) => `Join as ${name}`,
    busy: 'Joining…',
    signIn: 'Sign in to join',
    signInText: 'You come back here, and nothing is joined before you say so.',
    program: 'A program joins by itself',
    programText:
      'It needs no account: one is made for it, which can do nothing but use this pool. Put a name in the place of NAME.',
    command: 'Command',
    curl: 'Without the command line of peerbin',
    curlText:
      'The answer has a token, which is shown this once; the program sends it as Authorization: Bearer.',
    again: 'Try another key'
  }
} as const

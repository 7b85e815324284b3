/** Every sentence people read in pages. Scripts get theirs from attributes of the page, so that they stand here too. */

import type { ErrorCode } from '../errors.ts'

const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S

const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`

/** Sizes as people write them: binary steps, at most one decimal. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return plural(bytes, 'byte')
  const units = ['KB', 'MB', 'GB', 'TB']
  let value = bytes / 1024
  let unit = 0
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value < 100 ? Number(value.toFixed(1)) : Math.round(value)} ${units[unit] ?? ''}`
}

/** A length of time in its largest whole unit: `2 days`, `90 minutes`. */
export function durationText(seconds: number): string {
  if (seconds >= 2 * DAY_S || seconds === DAY_S) return plural(Math.round(seconds / DAY_S), 'day')
  if (seconds >= 2 * HOUR_S || seconds === HOUR_S) return plural(Math.round(seconds / HOUR_S), 'hour')
  if (seconds >= 2 * MINUTE_S || seconds === MINUTE_S) return plural(Math.round(seconds / MINUTE_S), 'minute')
  return plural(Math.max(1, Math.round(seconds)), 'second')
}

/** `21 November 2026, 14:03 UTC`: the server does not know where the reader is; a script may put local time in its place. */
export function timeText(ms: number): string {
  const date = new Date(ms)
  const day = date.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    timeZone: 'UTC'
  })
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })
  return `${day}, ${time} UTC`
}

const timesText = (count: number): string => (count === 1 ? 'once' : `${count} times`)

/** What a sentence about a link is made of: slots in all and taken, and among the newest downloads those that run and that broke off. */
interface SentCounts {
  downloads: number
  taken: number
  running: number
  broken: number
}

export const texts = {
  product: 'peerbin',
  skip: 'Skip to content',
  footer: 'Files are kept in several copies, and only until they are fetched or expire.',

  upload: {
    title: 'Share files',
    intro: (maxBytes: number) =>
      `Up to ${sizeText(maxBytes)}, for whoever gets the link. Then they are gone.`,
    sentenceStart: 'Expires after',
    sentenceOr: 'or',
    downloadsChoice: (count: number) => plural(count, 'download'),
    choose: 'Choose files',
    downloads: 'Downloads allowed',
    expires: 'Link expires after',
    password: 'Add a password',
    passwordHint:
      'Whoever downloads has to give it, and cannot even see the name without. Tell it in another way than the link.',
    submit: 'Get a link',
    again: 'Share something else',
    shell: 'From a shell',
    scriptless:
      'With JavaScript, files are encrypted before they leave this browser, and an upload that breaks goes on where it was.',
    /** Several files that have no name together. */
    bundleName: (count: number) => `${count} files`
  },

  uploaded: {
    title: 'Your link is ready',
    link: 'Link to share',
    copy: 'Copy link',
    copied: 'Copied',
    copyFailed: 'Press Ctrl+C to copy',
    file: 'File',
    size: 'Size',
    expires: 'Expires',
    downloads: 'Downloads',
    downloadsText: timesText,
    once: 'It can be downloaded once. Opening it does not use it up, pressing Download does.',
    several: (count: number) =>
      `It can be downloaded ${count} times. Opening it does not use it up, pressing Download does.`,
    follow: 'Follow and manage it',
    withdraw: 'Withdraw the link',
    withdrawn: 'The link was withdrawn. Nobody can use it any more.',
    withdrawFailed: 'The link could not be withdrawn. Please try again.',
    digest: 'SHA-256',
    password: 'Password',
    passwordText: 'asked for before the download; nobody can look it up here',
    code: 'The link as a QR code, for a phone’s camera',
    codeAlt: 'QR code of the link'
  },

  link: {
    title: 'A file for you',
    protectedTitle: 'A file for you, with a password',
    password: 'Password',
    passwordHint: 'Whoever sent you the link knows it. A wrong one does not use the link up.',
    nameless: 'a file with a password',
    size: 'Size',
    expires: 'Available until',
    downloads: 'Downloads left',
    download: 'Download',
    once: 'This can be downloaded once. Press the button when you are ready to keep it.',
    several: (left: number) => `This can be downloaded ${plural(left, 'more time', 'more times')}.`,
    started: 'The download has started. If it breaks, press the button again on this page.',
    shell: 'From a shell',
    bundleTitle: 'Files for you',
    files: 'Files',
    filesText: (count: number) => plural(count, 'file'),
    moreFiles: (count: number) => `And ${plural(count, 'more file', 'more files')}.`,
    encryptedTitle: 'Something encrypted for you',
    encryptedName: 'something encrypted',
    encrypted:
      'Only your browser can read it: the key is in the address of this page, behind the #, and no server is ever sent it.',
    needsScript:
      'To decrypt it here, this page needs JavaScript. Please switch it on and load the page again, or use the command below.',
    /** Stands where the key does in an address that the server does not know all of. */
    keyPlace: '…',
    keyHint: 'The whole address of this page belongs between the quotes, with everything behind the #.'
  },

  claim: {
    title: 'Your files',
    how: 'Take them all at once, or one by one. A download that breaks can be repeated here.',
    done: 'All of it was sent. If something did not arrive, it can be repeated here.',
    until: 'That is possible until',
    archive: (count: number, size: string) => `Download all ${plural(count, 'file')} as a zip (${size})`,
    each: 'One by one',
    secret: 'Keep the address of this page to yourself: whoever has it can download the files too.'
  },

  sender: {
    title: 'Your shared file',
    states: {
      live: ({ taken, downloads, running }) => {
        const left = plural(downloads - taken, 'download is', 'downloads are')
        if (running > 0) return `It is being downloaded now; ${left} left.`
        if (taken > 0) return `It was downloaded ${timesText(taken)} so far; ${left} left.`
        return downloads === 1
          ? 'Waiting for its recipient: nobody has downloaded it yet.'
          : `Waiting for its recipients: nobody has downloaded it yet, ${left} left.`
      },
      taken: ({ downloads, running, broken }) => {
        if (running > 0)
          return downloads === 1 ? 'It is being downloaded now.' : 'The last of its downloads is under way.'
        if (broken > 0) return 'All its downloads have been used, and the file is about to be deleted.'
        return 'It was downloaded. For a few minutes its recipient can repeat that, then the file is deleted.'
      },
      used: ({ downloads, broken }) => {
        if (downloads === 1)
          return broken > 0
            ? 'The download broke off and was not continued, so the link is used up and the file deleted. If your recipient needs it, share it again.'
            : 'It was downloaded, and the file has been deleted.'
        return `It was downloaded ${timesText(downloads)}, as often as it could be, and the file has been deleted.`
      },
      expired: ({ running }) =>
        running > 0
          ? 'Its time is over. A download that had begun before may still be finished.'
          : 'Its time is over, and the file has been deleted.',
      revoked: () => 'You withdrew it: nobody can download it any more, and the file has been deleted.',
      suspended: () =>
        'It is suspended until an administrator of this server has looked at it; nobody is served until then.'
    } satisfies Record<string, (counts: SentCounts) => string>,
    outcomes: {
      running: { title: 'Downloading', detail: (sent, size) => `${sent} of ${size} sent.` },
      interrupted: {
        title: 'Interrupted',
        detail: (sent, size) => `${sent} of ${size} sent so far.`
      },
      finished: { title: 'Finished', detail: (_sent, size) => `All of it was sent, ${size}.` },
      'broken-off': {
        title: 'Broken off',
        detail: (sent, size) =>
          `${sent} of ${size} were sent, and it was not continued in time. It counts as a download.`
      },
      'given-back': {
        title: 'Not begun',
        detail: () => 'Nothing could be sent, so it does not count as a download.'
      }
    } satisfies Record<string, { title: string; detail: (sent: string, size: string) => string }>,
    until: 'The recipient can come back until',
    encrypted:
      'It is encrypted: this server knows neither its name nor its key. Only the link as you were given it opens it.',
    link: 'Link to share',
    size: 'Size',
    created: 'Shared',
    expires: 'Expires',
    left: 'Downloads left',
    leftText: (left: number | string, downloads: number) => `${left} of ${downloads}`,
    claims: 'Downloads',
    noClaims: 'None so far. Whoever opens the link sees a page first; only pressing Download counts.',
    sent: 'Part of the file that was sent',
    older: 'Earlier downloads',
    newer: 'Back to the newest downloads',
    reload: 'Reload',
    stale: 'The server cannot be reached at the moment, so this may be out of date. Trying again.',
    manage: 'Manage the link',
    extend: 'Keep it longer',
    extendButton: 'Extend',
    longer: (seconds: number) => `${durationText(seconds)} longer`,
    longest: 'as long as possible',
    latest: (ttlMaxSeconds: number) =>
      `A link can live for ${durationText(ttlMaxSeconds)} in all. This one: until`,
    withdraw: 'Withdraw the link…',
    withdrawText:
      'Nobody will be able to download it any more, and a download that is running ends. The file is deleted with its last link: its bytes leave the disks of all machines, usually within seconds. This cannot be undone.',
    withdrawButton: 'Withdraw it for good',
    preview: 'What your recipient sees',
    previewText: 'Only a picture of that page: nothing here counts as a download.',
    secret: 'Keep the address of this page to yourself: whoever has it can withdraw the link.'
  },

  error: {
    back: 'Share a file',
    retry: 'Try again',
    code: 'Code',
    titles: {
      'link-used': 'This link has been used',
      'link-expired': 'This link has expired',
      'link-revoked': 'This link was withdrawn',
      'link-suspended': 'This link is suspended',
      'link-unknown': 'This link does not exist',
      'too-large': 'That is too large',
      'no-controller': 'Not ready at the moment',
      'not-enough-nodes': 'Not ready at the moment',
      busy: 'One moment, please',
      'chunk-unavailable': 'Not ready at the moment',
      'claim-unknown': 'This download did not begin',
      'claim-over-budget': 'This download is over',
      'not-found': 'There is nothing here',
      'rate-limited': 'One moment, please',
      'password-required': 'This link asks for a password',
      'password-wrong': 'That is not the password',
      'password-attempts': 'Too many wrong passwords',
      'proof-required': 'The key is missing',
      'proof-wrong': 'The key does not fit',
      'index-none': 'This is a single file',
      'index-invalid': 'The list of files cannot be read',
      'too-many-uploads': 'That is enough for now',
      'daily-bytes-used': 'That is enough for today',
      'too-many-transfers': 'One moment, please',
      'space-full': 'There is no room left',
      'file-infected': 'This file is not safe',
      'scanner-unavailable': 'The virus scanner is not there'
    } satisfies Partial<Record<ErrorCode, string>> as Partial<Record<ErrorCode, string>>,
    otherTitle: 'That did not work',
    hints: {
      'link-used':
        'It worked as often as its sender allowed, and the file is being removed. If that was not you, tell the sender: somebody else has the file.',
      'link-expired': 'Links live for a limited time. Ask the sender for a new one.',
      'link-revoked': 'Ask the sender if you still need the file.',
      'link-unknown': 'It may be incomplete: please copy the whole link, or ask the sender for a new one.',
      'link-suspended': 'Please try again later, or ask whoever runs this server.',
      'too-large': 'Leave something out, or share it in parts. Nothing was kept.',
      'no-controller':
        'This server is waiting for another machine of its cluster. No link was used up. Please try again shortly.',
      busy: 'No link was used up. Please try again shortly.',
      'claim-unknown': 'Nothing was sent. Please open the link again: it may still work.',
      'claim-over-budget': 'Ask the sender for a new link if you still need the file.',
      'checksum-mismatch': 'The file that arrived is not the one that was described. Nothing was kept.',
      'chunk-unavailable': 'The link has not been used up. Please try again shortly.',
      'password-wrong': 'The link has not been used up.',
      'password-attempts': 'The link has not been used up. Please wait before you try again.',
      'proof-required':
        'The link has not been used up. Please copy all of it, with everything behind the #, and open it in a browser with JavaScript.',
      'proof-wrong': 'The link has not been used up. Please copy all of it, with everything behind the #.',
      'not-enough-nodes': 'Nothing was kept. Please try again shortly.',
      'too-many-transfers': 'A link that you were about to use has not been used up.',
      'space-full': 'Room is made whenever a file is fetched or expires. Nothing was kept.',
      'file-infected': 'Nothing was kept.',
      'scanner-unavailable': 'Nothing was kept. Please try again later.'
    } satisfies Partial<Record<ErrorCode, string>> as Partial<Record<ErrorCode, string>>
  }
} as const

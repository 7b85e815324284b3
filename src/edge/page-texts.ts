/** Sentences of what the scripts of the pages show; those that the server writes stand in texts.ts. A language is added by translating these two files. */

import { sizeText } from './texts.ts'

const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`

export const pageTexts = {
  units: {
    days: (n: number) => count(n, 'day'),
    hours: (n: number) => count(n, 'hour'),
    minutes: (n: number) => count(n, 'minute'),
    seconds: (n: number) => count(n, 'second')
  },

  upload: {
    dropHere: 'Drop files or folders here',
    dropNow: 'Let go to add them',
    paste: 'or paste them, or',
    chooseFiles: 'Choose files',
    chooseFolder: 'Choose a folder',
    addFiles: 'Add files',
    addFolder: 'Add a folder',
    list: 'Files to share',
    remove: (name: string) => `Remove ${name}`,
    removeAll: 'Remove all',
    total: (files: number, bytes: number) => `${count(files, 'file')}, ${sizeText(bytes)}`,
    more: (files: number) => `and ${count(files, 'more file', 'more files')}`,
    bundleName: (files: number) => `${files} files`,
    pastedName: 'pasted.txt',

    encrypted: 'End-to-end encrypted',
    encryptedOn: 'Only people with the link can read the files and their names. This server cannot.',
    encryptedOff: 'This server can read the files and their names.',
    unprotected:
      'The connection to this server is not protected (plain HTTP). The files are encrypted all the same, but whoever can change this page on its way could read along.',
    passwordSummary: 'Add a password',
    password: 'Password',
    passwordHint: 'Whoever downloads has to give it. Tell it in another way than the link.',
    submit: 'Get a link',

    tooLarge: (bytes: number, max: number) =>
      `That is ${sizeText(bytes)} together; at most ${sizeText(max)} are possible here.`,
    tooLargeSealed: (max: number) =>
      `Encrypted, that is a little more than the ${sizeText(max)} that are possible here. Leave something out, or switch the encryption off.`,
    tooMany: (max: number) => `At most ${max} files can be shared at once.`,
    empty: 'There is nothing in these files. Please choose some that are not empty.',
    nothing: 'Please choose a file first.',
    unreadable: 'Some of it could not be read. Please choose the files again.',
    changed: 'A file was changed while it was sent. Please choose it again.',

    sending: 'Sending',
    preparing: 'Preparing…',
    checking: 'Checking that the files are still the same…',
    finishing: 'Storing the copies…',
    progress: 'Upload progress',
    of: (sent: number, total: number) => `${sizeText(sent)} of ${sizeText(total)}`,
    speed: (perSecond: number, left: string) => `${sizeText(perSecond)}/s, ${left} left`,
    offline: 'You are offline. It goes on by itself as soon as the connection is back.',
    lost: (seconds: number) =>
      `The connection was lost. Trying again in ${count(seconds, 'second')}; nothing that was sent is lost.`,
    serverBusy: (seconds: number) =>
      `The server cannot take more at the moment. Trying again in ${count(seconds, 'second')}; nothing that was sent is lost.`,
    waiting: 'The connection was lost. Trying again.',
    retryNow: 'Try now',
    cancel: 'Cancel',
    cancelled: 'The upload was cancelled. Nothing was kept.',
    leave: 'An upload is running.',
    failed: 'The upload did not work. Please try again.',
    broken: 'The connection broke before the upload was through. Please try again.',

    resumeTitle: 'An upload was interrupted',
    resumeText: (name: string, size: string, percent: number) =>
      `${name} (${size}): ${percent} % had been sent. Choose the same again and it goes on from there.`,
    resumeChoose: 'Choose the same files',
    resumeFolder: 'Choose the same folder',
    resumeNot: 'Discard it',
    resumeOther: 'These are not the same files. Choose those that were being sent, or discard the upload.',
    resumeGone: 'The upload had been given up in the meantime, so it starts again from the beginning.',
    passwordAgain: 'Please give the password once more.',
    restarted: 'A file has changed since, so the upload starts again from the beginning.'
  },

  done: {
    title: 'Your link is ready',
    link: 'Link to share',
    copy: 'Copy link',
    copied: 'Copied',
    copyFailed: 'Press Ctrl+C to copy',
    share: 'Share…',
    once: 'Works once',
    several: (n: number) => `Works ${n} times`,
    until: (time: string) => `until ${time}`,
    safe: 'Opening it does not use it up, pressing Download does.',
    wholeLink: 'Send the whole link: what stands behind the # is the key.',
    withPassword: 'A password is asked for before the download.',
    qr: 'Show it as a QR code',
    qrAlt: 'QR code of the link',
    follow: 'Follow and manage it',
    again: 'Share something else',
    withdraw: 'Withdraw it',
    withdrawn: 'The link was withdrawn. Nobody can use it any more.',
    withdrawFailed: 'The link could not be withdrawn. Please try again.'
  },

  link: {
    left: (time: string) => `${time} left`,
    leftNone: 'expired',
    title: 'Encrypted files for you',
    titleOne: 'An encrypted file for you',
    opening: 'Reading the list of files…',
    readOnly: 'Only people with this link can read it; the server it comes from cannot.',
    unprotected:
      'The connection to this server is not protected (plain HTTP). The file is encrypted all the same, but whoever can change this page on its way could read along.',
    noKeyTitle: 'Part of this link is missing',
    noKey:
      'The key behind the # is missing or incomplete, so the file cannot be read. Please copy the whole link, or ask the sender for it again. Nothing was used up.',
    wrongKeyTitle: 'This key does not fit',
    wrongKey:
      'The part of the link behind the # is not the one that the files were encrypted with, or the files were changed. Please copy the whole link. Nothing was used up.',
    password: 'Password',
    unlock: 'Show what it is',
    download: 'Download',
    downloadAll: 'Download all as zip',
    downloadOne: (name: string) => `Download ${name}`,
    save: 'Save',
    files: 'Files',
    total: (files: number, bytes: number) => `${count(files, 'file')}, ${sizeText(bytes)}`,
    once: 'This can be downloaded once. Press the button when you are ready to keep it.',
    several: (n: number) => `This can be downloaded ${count(n, 'more time', 'more times')}.`,
    claimed: 'The download is yours: if it breaks, come back to this page within ten minutes and go on.',
    large: (bytes: number) =>
      `This browser has to hold all ${sizeText(bytes)} in memory before it can save them. If that is too much, use the command line.`,
    progress: 'Download progress',
    of: (got: number, total: number) => `${sizeText(got)} of ${sizeText(total)}`,
    speed: (perSecond: number, left: string) => `${sizeText(perSecond)}/s, ${left} left`,
    starting: 'Starting…',
    waiting: (seconds: number) => `The connection was lost. Going on in ${count(seconds, 'second')}.`,
    lost: 'The connection was lost. Going on soon.',
    retryNow: 'Go on now',
    cancel: 'Cancel',
    cancelled: 'The download was cancelled. You can start it again here for ten minutes.',
    saved: (name: string) => `${name} was verified and handed to your browser to save.`,
    again: 'Download again',
    damagedTitle: 'The file could not be verified',
    damaged:
      'What arrived is not what was sent, or its end is missing. Nothing of it was saved. Please try again; if it happens again, tell the sender.',
    failed: 'The download did not work.',
    retry: 'Try again'
  }
} as const

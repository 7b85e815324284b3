/** The registry of errors: what errors.ts says of codes holds here. */

import { EXIT, spec } from './error-spec.ts'
import type { ErrorSpec } from './error-spec.ts'
import { POOL_ERRORS } from './pool-errors.ts'

export { EXIT } from './error-spec.ts'

export const ERRORS = {
  // what the caller sent
  'bad-request': spec(400, false, EXIT.usage, 'The request could not be understood.'),
  'invalid-field': spec(422, false, EXIT.usage, 'A field has a value that is not allowed.'),
  'empty-file': spec(422, false, EXIT.usage, 'The file is empty. Please choose one that is not.'),
  'length-required': spec(411, false, EXIT.usage, 'The length of the body must be given.'),
  'too-large': spec(413, false, EXIT.refused, 'The file is larger than this server takes.'),
  'type-forbidden': spec(415, false, EXIT.refused, 'Files of this type are not taken here.'),
  'checksum-mismatch': spec(409, false, EXIT.integrity, 'checksum failed - please attempt reuploading'),
  'range-not-satisfiable': spec(416, false, EXIT.usage, 'The range asked for lies outside the file.'),
  'precondition-failed': spec(412, false, EXIT.refused, 'The file is another one by now.'),
  'upload-incomplete': spec(
    400,
    true,
    EXIT.unreachable,
    'The upload ended before all of the file had arrived.'
  ),
  'upload-stalled': spec(408, true, EXIT.unreachable, 'The upload stood still for too long.'),
  'rate-limited': spec(429, true, EXIT.busy, 'Too many requests. Please wait a moment.'),
  'cursor-expired': spec(
    410,
    false,
    EXIT.refused,
    'What came after this place is not kept any more. Please look at everything anew, and go on from now.'
  ),
  'too-many-uploads': spec(
    429,
    true,
    EXIT.busy,
    'Too many uploads from your address. Please come back later.'
  ),
  'daily-bytes-used': spec(
    429,
    true,
    EXIT.busy,
    'Your address has uploaded as much as is possible in a day. Please come back later.'
  ),
  'too-many-transfers': spec(
    429,
    true,
    EXIT.busy,
    'Too many uploads or downloads from your address at once. Please wait for one to end.'
  ),
  'file-infected': spec(422, false, EXIT.refused, 'A virus scanner found something in this file.'),
  'scanner-unavailable': spec(
    503,
    true,
    EXIT.busy,
    'The file could not be looked at by the virus scanner. Please try again later.'
  ),
  'not-found': spec(404, false, EXIT.refused, 'There is nothing here.'),
  'method-not-allowed': spec(405, false, EXIT.usage, 'This address does not take that method.'),
  'origin-forbidden': spec(403, false, EXIT.refused, 'This request came from a page of another site.'),
  // the socket
  'socket-needed': spec(426, false, EXIT.usage, 'This address takes WebSockets of the protocol peerbin.v1.'),
  'socket-stalled': spec(
    408,
    true,
    EXIT.unreachable,
    'The other side of the socket was silent for too long.'
  ),
  'channel-unknown': spec(404, false, EXIT.usage, 'There is no transfer on this channel.'),
  // links
  'link-unknown': spec(404, false, EXIT.refused, 'This link does not exist.'),
  'link-used': spec(410, false, EXIT.refused, 'This link has been used already.'),
  'link-expired': spec(410, false, EXIT.refused, 'This link has expired.'),
  'link-revoked': spec(410, false, EXIT.refused, 'This link was withdrawn by its sender.'),
  'link-suspended': spec(
    503,
    true,
    EXIT.busy,
    'This link is suspended until an administrator has looked at it.'
  ),
  'password-required': spec(401, false, EXIT.refused, 'This link asks for a password.'),
  'password-wrong': spec(403, false, EXIT.refused, 'That is not the password of this link.'),
  // refused and not busy: a program that tries again by itself in a few seconds would do so in vain
  'password-attempts': spec(
    429,
    true,
    EXIT.refused,
    'Too many wrong passwords were given. Please try again later.'
  ),
  'proof-required': spec(
    401,
    false,
    EXIT.refused,
    'This file is encrypted, and only who has the whole link, with its key, can download it.'
  ),
  'proof-wrong': spec(403, false, EXIT.refused, 'The key in this link is not the key of this file.'),
  'index-none': spec(404, false, EXIT.refused, 'This is a single file: there is no list of files.'),
  'delete-forbidden': spec(403, false, EXIT.refused, 'The delete secret does not belong to this link.'),
  'claim-unknown': spec(
    410,
    false,
    EXIT.refused,
    'This download was given up before it began. Please open the link again.'
  ),
  'claim-over-budget': spec(410, false, EXIT.refused, 'This download has been repeated too often.'),
  'claim-too-many-connections': spec(429, true, EXIT.busy, 'Too many connections for one download.'),
  'claim-not-releasable': spec(
    409,
    false,
    EXIT.refused,
    'This download has started and cannot be taken back.'
  ),
  'index-invalid': spec(422, false, EXIT.usage, 'The list of files is not valid.'),
  // links that only their recipient can read
  'key-missing': spec(
    400,
    false,
    EXIT.usage,
    'The key behind the # is missing or incomplete. Please copy the whole link.'
  ),
  'encrypted-damaged': spec(
    500,
    false,
    EXIT.integrity,
    'The key does not fit, or the encrypted file was changed or cut off.'
  ),
  // accounts; three of the texts say what requirement A2 asks for
  'credentials-missing': spec(
    401,
    false,
    EXIT.refused,
    'Please sign in: client credentials invalid or missing.'
  ),
  'credentials-invalid': spec(401, false, EXIT.refused, 'Please sign in again: client credentials invalid.'),
  'permission-denied': spec(
    403,
    false,
    EXIT.refused,
    'You may not do this: client credentials invalid for it.'
  ),
  'login-failed': spec(401, false, EXIT.refused, 'Invalid credentials'),
  'login-attempts': spec(
    429,
    true,
    EXIT.refused,
    'Too many attempts to sign in have failed. Please try again later.'
  ),
  'too-many-sign-ins': spec(
    429,
    true,
    EXIT.busy,
    'Too many attempts to sign in or register from your address. Please wait a moment.'
  ),
  'user-disabled': spec(403, false, EXIT.refused, 'This account has been disabled by an administrator.'),
  'user-unknown': spec(404, false, EXIT.refused, 'There is no such user.'),
  'name-taken': spec(409, false, EXIT.refused, 'Somebody else has this name, or one that looks like it.'),
  'last-admin': spec(409, false, EXIT.refused, 'This is the last administrator, and one has to remain.'),
  'registration-closed': spec(403, false, EXIT.refused, 'New accounts are made by an administrator here.'),
  'invite-needed': spec(403, false, EXIT.refused, 'An invitation is needed to register here.'),
  'invite-invalid': spec(
    403,
    false,
    EXIT.refused,
    'This invitation has been used, has expired or never was.'
  ),
  'invite-unknown': spec(404, false, EXIT.refused, 'There is no such invitation.'),
  'setup-invalid': spec(
    403,
    false,
    EXIT.refused,
    'That is not the secret for setting up this server, or it has been set up already.'
  ),
  'session-unknown': spec(404, false, EXIT.refused, 'There is no such session or key.'),
  'keys-full': spec(409, false, EXIT.refused, 'There are too many keys already. Please revoke one first.'),
  // uploads
  'upload-unknown': spec(404, false, EXIT.refused, 'This upload does not exist or has been given up.'),
  'upload-closed': spec(409, false, EXIT.refused, 'This upload has ended already.'),
  'upload-conflict': spec(409, false, EXIT.refused, 'The upload does not match what was reserved for it.'),
  'upload-gone': spec(
    410,
    false,
    EXIT.refused,
    'This upload was given up, or stood still for too long. Please begin again.'
  ),
  'upload-busy': spec(423, true, EXIT.busy, 'This upload cannot go on at the moment. Please try again.'),
  'offset-mismatch': spec(
    409,
    true,
    EXIT.refused,
    'The upload stands at another offset. HEAD says at which.'
  ),
  'part-mismatch': spec(
    460,
    true,
    EXIT.integrity,
    'What was sent does not match its checksum, and was not kept. Please send it again.'
  ),
  'tus-version': spec(412, false, EXIT.usage, 'The header Tus-Resumable: 1.0.0 is needed here.'),
  'media-type-unsupported': spec(415, false, EXIT.usage, 'The body has a type that is not taken here.'),
  'copies-missing': spec(503, true, EXIT.busy, 'Not every part of the file is held by enough nodes.'),
  // users' files
  'file-unknown': spec(404, false, EXIT.refused, 'There is no such file.'),
  'version-unknown': spec(404, false, EXIT.refused, 'The file does not have this version.'),
  'share-unknown': spec(404, false, EXIT.refused, 'The file does not have this share link.'),
  'path-taken': spec(409, false, EXIT.refused, 'There is a file of this name already.'),
  'path-conflict': spec(409, false, EXIT.refused, 'A file and a folder cannot have the same name.'),
  'folder-too-large': spec(
    409,
    false,
    EXIT.refused,
    'There are too many files in this folder to be moved at once. Please move its folders one by one.'
  ),
  'version-conflict': spec(409, false, EXIT.refused, 'Somebody else has changed the file since.'),
  'blocks-missing': spec(
    409,
    false,
    EXIT.refused,
    'Some of these blocks are not stored for you. Please send them first.'
  ),
  'blocks-full': spec(
    507,
    true,
    EXIT.busy,
    'Too many blocks wait for their file. Please commit files from them first.'
  ),
  'quota-exceeded': spec(
    507,
    false,
    EXIT.refused,
    'Your space is used up. Please delete files you no longer need.'
  ),
  'upload-failed': spec(
    409,
    false,
    EXIT.refused,
    'The upload of this version failed: there is nothing of it.'
  ),
  'shares-full': spec(
    409,
    false,
    EXIT.refused,
    'There are too many share links of this file. Please wait until some have been over for a while.'
  ),
  // webhooks
  'webhook-unknown': spec(404, false, EXIT.refused, 'There is no such webhook.'),
  'webhooks-full': spec(
    409,
    false,
    EXIT.refused,
    'There are too many webhooks already. Please remove one first.'
  ),
  'event-unknown': spec(404, false, EXIT.refused, 'The webhook does not remember this event.'),
  // the cluster
  'not-enough-nodes': spec(503, true, EXIT.busy, 'The cluster has too few active nodes right now.'),
  'no-controller': spec(503, true, EXIT.busy, 'No controller can be reached right now.'),
  'cluster-full': spec(507, true, EXIT.busy, 'The cluster is full.'),
  'space-full': spec(
    507,
    true,
    EXIT.busy,
    'The space for files like this one is used up. Please come back later.'
  ),
  'chunk-unavailable': spec(503, true, EXIT.busy, 'No node that holds this part of the file can be reached.'),
  busy: spec(503, true, EXIT.busy, 'The server is busy. Please try again shortly.'),
  'shutting-down': spec(503, true, EXIT.busy, 'The process is stopping.'),
  // chunk stores and nodes
  'chunk-not-found': spec(404, false, EXIT.integrity, 'The node does not hold this chunk.'),
  'chunk-corrupt': spec(500, true, EXIT.integrity, 'The bytes do not match the id of the chunk.'),
  'chunk-too-large': spec(413, false, EXIT.usage, 'A chunk holds at most 4 MiB.'),
  'store-full': spec(507, true, EXIT.busy, 'The node has no space left.'),
  'store-failed': spec(500, true, EXIT.local, 'The store could not write or read. The outcome is unknown.'),
  'drain-refused': spec(409, false, EXIT.refused, 'The node cannot be emptied now.'),
  'retire-refused': spec(409, false, EXIT.refused, 'The node cannot be forgotten now.'),
  'node-unknown': spec(404, false, EXIT.usage, 'There is no such node.'),
  'node-retired': spec(409, false, EXIT.refused, 'This node was retired from the cluster.'),
  'recovery-refused': spec(409, false, EXIT.refused, 'The controller cannot be recovered here and now.'),
  'restore-refused': spec(409, false, EXIT.refused, 'The backup cannot be restored here.'),
  'term-stale': spec(409, false, EXIT.refused, 'The order comes from a controller that no longer leads.'),
  // protocol and network
  'protocol-violation': spec(400, false, EXIT.unreachable, 'The peer broke the protocol.'),
  'message-too-large': spec(413, false, EXIT.unreachable, 'A message is larger than the protocol allows.'),
  'role-forbidden': spec(403, false, EXIT.refused, 'This role may not send this message.'),
  'peer-unreachable': spec(503, true, EXIT.unreachable, 'The peer cannot be reached.'),
  'deadline-exceeded': spec(
    504,
    true,
    EXIT.unreachable,
    'The answer did not come in time. The outcome is unknown.'
  ),
  aborted: spec(499, true, EXIT.unreachable, 'The request was given up.'),
  // this machine
  'data-in-use': spec(500, false, EXIT.local, 'The data folder is in use by another process.'),
  'address-in-use': spec(500, false, EXIT.local, 'Another process listens on this address.'),
  'config-invalid': spec(500, false, EXIT.usage, 'The configuration is not valid.'),
  'join-string-invalid': spec(500, false, EXIT.usage, 'The join string is not valid.'),
  'data-incompatible': spec(
    500,
    false,
    EXIT.local,
    'The data was written by a version of peerbin that this one cannot read.'
  ),
  'local-file': spec(500, false, EXIT.local, 'A file on this machine could not be read or written.'),
  'local-changed': spec(
    409,
    true,
    EXIT.local,
    'A file on this machine changed while it was being read or replaced.'
  ),
  'local-full': spec(507, true, EXIT.local, 'There is no space left on this machine.'),
  'sync-folder': spec(
    500,
    false,
    EXIT.local,
    'The folder to be synced is not there, or is not the one it was.'
  ),
  'deletes-refused': spec(
    409,
    false,
    EXIT.refused,
    'So many files are gone at once that nothing was deleted.'
  ),
  'server-unreachable': spec(503, true, EXIT.unreachable, 'The server cannot be reached.'),
  usage: spec(400, false, EXIT.usage, 'The command was not understood.'),
  ...POOL_ERRORS,
  internal: spec(500, true, EXIT.unexpected, 'Something went wrong inside peerbin.')
} as const satisfies Record<string, ErrorSpec>

export type ErrorCode = keyof typeof ERRORS

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(ERRORS, value)

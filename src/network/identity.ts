/** A process's identity: an Ed25519 key, kept as libp2p's protobuf (68 bytes). */

import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { PeerId } from '../types.ts'

/** A fresh private key. Keep it secret (mode 0600). */
export const newIdentity = async (): Promise<Uint8Array> =>
  privateKeyToProtobuf(await generateKeyPair('Ed25519'))

/** The id that others know the holder of this key by. */
export const peerIdOf = (identity: Uint8Array): PeerId =>
  peerIdFromPrivateKey(privateKeyFromProtobuf(identity)).toString() as PeerId

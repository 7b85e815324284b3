/** What chaos does to folders and files, and what it looks for in them. */

import { execFileSync } from 'node:child_process'
import { mkdir, open, readFile, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dice } from './random.ts'

/** Of a node's folder, what makes it that node: kept when its disk is wiped. */
const KEPT = new Set(['identity', 'join', 'listen.json', 'lock'])
const FILLER = 'filler-of-the-disk'
const NEEDLE_BYTES = 32

/** Why a small disk cannot be made here; undefined: it can. */
export function tmpfsHindrance(folder: string): string | undefined {
  if (process.getuid?.() !== 0) return 'a small tmpfs needs root'
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder], { stdio: 'pipe' })
    execFileSync('umount', [folder], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `tmpfs cannot be mounted here: ${String(error).split('\n').at(-1)}`
  }
}

export async function mountTmpfs(folder: string, mebibytes: number): Promise<void> {
  await mkdir(folder, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'none', folder])
}

export function unmount(folder: string): void {
  execFileSync('umount', [folder])
}

/** Takes all the space that is left there. */
export async function fillDisk(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const file = await open(join(folder, FILLER), 'w')
  try {
    const block = Buffer.alloc(64 * 1024)
    for (let left = bavail * bsize; left > 0; left -= block.byteLength)
      await file.write(block, 0, Math.min(left, block.byteLength))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    await file.close()
  }
}

export async function emptyDisk(folder: string): Promise<void> {
  await rm(join(folder, FILLER), { force: true })
}

/** Everything but the identity goes; folders stay, since one may be a mount. */
export async function wipe(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (KEPT.has(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await wipe(path)
    else await rm(path, { force: true })
  }
}

/** Flips one to four bits in each of one to three files that hold data. @returns where, for a person */
export async function flipBits(folder: string, dice: Dice): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && /\.(ldb|log)$/.test(entry.name))
  if (files.length === 0) return 'there was no file with data'
  const told: string[] = []
  for (let count = dice.whole(1, 3); count > 0; count--) {
    const { parentPath, name } = dice.pick(files)
    const file = await open(join(parentPath, name), 'r+')
    try {
      const { size } = await file.stat()
      const byte = Buffer.alloc(1)
      for (let flips = dice.whole(1, 4); flips > 0 && size > 0; flips--) {
        const position = dice.whole(0, size - 1)
        await file.read(byte, 0, 1, position)
        byte[0] = (byte[0] ?? 0) ^ (1 << dice.whole(0, 7))
        await file.write(byte, 0, 1, position)
        told.push(`${name}:${position}`)
      }
    } finally {
      await file.close()
    }
  }
  return told.join(', ')
}

/** Finds any of many byte sequences in the files of a folder, in one pass over them. */
export class NeedleSearch {
  /** By their first four bytes. */
  readonly #needles = new Map<number, Array<{ name: number; bytes: Buffer }>>()
  /** A bit for each value of the low 16 bits of a first word: most positions are ruled out by it. */
  readonly #filter = new Uint8Array(2 ** 16)

  /** @param content at least 32 bytes; shorter ones are too likely to stand somewhere by chance and are left out */
  add(name: number, content: Buffer): void {
    if (content.byteLength < NEEDLE_BYTES) return
    const bytes = content.subarray(0, NEEDLE_BYTES)
    const word = bytes.readUInt32LE(0)
    this.#filter[word & 0xffff] = 1
    this.#needles.set(word, [...(this.#needles.get(word) ?? []), { name, bytes }])
  }

  /** Names of the sequences found, with each file they stand in. */
  async find(folder: string): Promise<Array<readonly [name: number, path: string]>> {
    const found: Array<readonly [number, string]> = []
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    for (const entry of entries.filter((candidate) => candidate.isFile())) {
      const path = join(entry.parentPath, entry.name)
      for (const name of await this.inFile(path)) found.push([name, path])
    }
    return found
  }

  /** Names of the sequences in one file; none when it is gone. */
  async inFile(path: string): Promise<Set<number>> {
    return this.#in(await readFile(path).catch(() => Buffer.alloc(0))) // compacted away meanwhile
  }

  #in(bytes: Buffer): Set<number> {
    const names = new Set<number>()
    for (let at = 0; at + NEEDLE_BYTES <= bytes.byteLength; at++) {
      if (this.#filter[(bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)] === 0) continue
      for (const needle of this.#needles.get(bytes.readUInt32LE(at)) ?? [])
        if (bytes.compare(needle.bytes, 0, NEEDLE_BYTES, at, at + NEEDLE_BYTES) === 0) names.add(needle.name)
    }
    return names
  }
}

/** Where a check of deleted bytes is planted: bytes that no file may have any more. */
export async function plantBytes(folder: string, content: Buffer): Promise<void> {
  await writeFile(join(folder, 'forgotten.ldb'), content)
}

/** What settings are made of: numbers with a unit, a default and a reason. */

import { z } from 'zod'

export const MIB = 1024 * 1024
export const GIB = 1024 * MIB
export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const ms = (fallback: number, why: string) =>
  z
    .int()
    .min(1)
    .max(3650 * DAY)
    .default(fallback)
    .describe(`${why} (ms)`)
export const bytes = (fallback: number, why: string) =>
  z.int().min(0).default(fallback).describe(`${why} (bytes)`)
export const num = (min: number, max: number, fallback: number, why: string) =>
  z.int().min(min).max(max).default(fallback).describe(why)

export const text = (fallback: string, why: string) => z.string().default(fallback).describe(why)
export const list = (why: string) => z.array(z.string()).default([]).describe(why)

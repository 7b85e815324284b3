/** A limit of so much in so long, as a bucket that drains evenly: all of it at once, and from then on as fast as it drains. Pure. */

/** How full a bucket was, and when that was looked at. */
export interface Bucket {
  level: number
  /** Clock.monotonic(), ms. */
  at: number
}

export interface Rate {
  /** Size of the bucket; 0: there is no limit. */
  readonly limit: number
  /** In which a full one drains. */
  readonly windowMs: number
}

export const emptyBucket = (): Bucket => ({ level: 0, at: 0 })

/** How full it is now. */
export const levelOf = ({ level, at }: Bucket, { limit, windowMs }: Rate, now: number): number =>
  Math.max(0, level - ((now - at) * limit) / windowMs)

/** How long until `amount` fits; 0: it does now. What is larger than the bucket fits when that is empty. */
export function waitMs(bucket: Bucket, amount: number, rate: Rate, now: number): number {
  if (rate.limit === 0) return 0
  const excess = levelOf(bucket, rate, now) + Math.min(amount, rate.limit) - rate.limit
  return excess <= 0 ? 0 : Math.ceil((excess * rate.windowMs) / rate.limit)
}

/** Pours in, or takes back what was poured in for nothing. */
export function pour(bucket: Bucket, amount: number, rate: Rate, now: number): void {
  if (rate.limit === 0) return
  bucket.level = Math.max(0, levelOf(bucket, rate, now) + amount)
  bucket.at = now
}

/** Between 0 and 1, or more where something was poured in that did not fit. */
export const shareOf = (bucket: Bucket, rate: Rate, now: number): number =>
  rate.limit === 0 ? 0 : levelOf(bucket, rate, now) / rate.limit

import { pino } from 'pino'
import type { LogFields, Logger } from '../interfaces.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

interface PinoLike {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  child(fields: LogFields): PinoLike
}

const wrap = (inner: PinoLike): Logger => ({
  debug: (message, fields = {}) => inner.debug(fields, message),
  info: (message, fields = {}) => inner.info(fields, message),
  warn: (message, fields = {}) => inner.warn(fields, message),
  error: (message, fields = {}) => inner.error(fields, message),
  child: (fields) => wrap(inner.child(fields))
})

/** JSON lines with an `err` serializer, to a file descriptor (default: standard error) or a destination stream. */
export function createLogger(
  level: LogLevel,
  fields: LogFields = {},
  destination: { write(line: string): void } = process.stderr
): Logger {
  return wrap(pino({ level, base: fields, timestamp: pino.stdTimeFunctions.isoTime }, destination))
}

/** Drops every line. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger
}

import type { ChaosReport } from './report.ts'
export const reportPage = (report: ChaosReport): string => JSON.stringify(report)

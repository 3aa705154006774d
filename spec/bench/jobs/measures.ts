import { MIB } from '../files';
import type { Measure } from '../results';

/** Processor time in the unit that the job counts. */
const GIB = 1024 ** 3;

export const PEAK: Measure = { title: 'peak MiB', better: 'less', digits: 0, of: ({ peak }) => peak / MIB };

export const GROWTH: Measure = { title: 'growth MiB', better: 'less', digits: 1, of: ({ growth }) => (growth ?? NaN) / MIB };

export const HELD: Measure = { title: 'held MiB', better: 'less', digits: 1, of: ({ held }) => (held ?? NaN) / MIB };

export const FIRST_BYTE: Measure = { title: 'ms to first byte', better: 'less', digits: 0, of: ({ firstByte }) => (firstByte ?? NaN) * 1000 };

export function throughput(bytes: number): Measure {
  return { title: 'MiB/s', better: 'more', digits: 0, of: ({ seconds }) => bytes / MIB / seconds };
}

export function cpuPerGib(bytes: number): Measure {
  return { title: 'CPU s/GiB', better: 'less', digits: 2, of: ({ cpu }) => (cpu * GIB) / bytes };
}

export function rate(unit: string, count: number): Measure {
  return { title: `${unit}/s`, better: 'more', digits: 0, of: ({ seconds }) => count / seconds };
}

export function cpuEach(unit: string, count: number, scale: 'ms' | 'µs' = 'ms'): Measure {
  return { title: `CPU ${scale}/${unit}`, better: 'less', digits: 3, of: ({ cpu }) => (cpu * (scale === 'ms' ? 1e3 : 1e6)) / count };
}

/** Elapsed time in round trips of the link, which take so many seconds. */
export function roundTrips(title: string, count: number, roundTrip: number): Measure {
  return { title, better: 'less', digits: 2, of: ({ seconds }) => seconds / roundTrip / count };
}

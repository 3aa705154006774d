import type { ContenderName } from './contender';
import type { Measure, Results } from './results';

/** What a job must show. */
export interface Target {
  readonly text: string;
  /** Undefined where it was not measured. */
  value(results: Results): { readonly value: number; readonly against?: ContenderName } | undefined;
  readonly limit: number;
  readonly better: 'more' | 'less';
}

/** A target and how it came out. */
export interface Verdict {
  readonly text: string;
  readonly outcome: 'met' | 'NOT MET' | 'not measured';
  readonly value?: number;
  readonly against?: ContenderName;
}

/** Ours divided by another's: the best Node peer's, or a named one's. */
export function ratio(measure: Measure, against: ContenderName | 'best peer', limit: number, ours: ContenderName = 'ours'): Target {
  const { better, title } = measure;
  return {
    text: `${title}: ${ours} ${better === 'more' ? 'at least' : 'at most'} ${limit} × ${against === 'best peer' ? 'the best Node peer' : against}`,
    limit,
    better,
    value(results) {
      const other = against === 'best peer' ? results.bestPeer(measure) : against;
      const value = other && results.ratio(measure, other, ours)?.median;
      return other && value !== undefined ? { value, against: other } : undefined;
    },
  };
}

/** Ours as it is. */
export function figure(measure: Measure, limit: number, ours: ContenderName = 'ours'): Target {
  const { better, title } = measure;
  return {
    text: `${title}: ${ours} ${better === 'more' ? 'at least' : 'at most'} ${limit}`,
    limit,
    better,
    value(results) {
      const found = results.spread(ours, measure);
      return found && { value: found.median };
    },
  };
}

export function judge(target: Target, results: Results): Verdict {
  const found = target.value(results);
  if (!found) return { text: target.text, outcome: 'not measured' };
  const met = target.better === 'more' ? found.value >= target.limit : found.value <= target.limit;
  return { text: target.text, outcome: met ? 'met' : 'NOT MET', ...found };
}

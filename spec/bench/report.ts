import { versionOf } from './contender';
import type { Job } from './job';
import type { Measure, Results } from './results';
import type { Spread } from './statistics';
import { table } from './table';
import { judge } from './target';

/** A job's results as a table, and how its targets came out. */
export function report(job: Job, results: Results, where: string): string {
  const [first, ...rest] = job.measures;
  if (!first) throw new Error(`${job.name} measures nothing`);
  const head = [first.title, 'min', 'median', 'max', 'ours÷', ...rest.flatMap(({ title }) => [title, 'ours÷'])];
  const rows = results.names.map((name) => {
    const spread = results.spread(name, first);
    const ratio = (measure: Measure): string => (name === 'ours' ? '' : shown(results.ratio(measure, name)));
    return [
      `${name} ${versionOf(name)}`,
      number(spread?.min, first.digits),
      number(spread?.median, first.digits),
      number(spread?.max, first.digits),
      ratio(first),
      ...rest.flatMap((measure) => [number(results.spread(name, measure)?.median, measure.digits), ratio(measure)]),
    ];
  });
  const failures = [...results.failures].map(([name, reason]) => `${name}: ${reason}`);
  return [`\n${job.name}: ${job.title} (${where})`, table([head, ...rows]), ...failures, ...verdicts(job, results)].join('\n');
}

function verdicts(job: Job, results: Results): string[] {
  const verdicts = job.targets.map((target) => judge(target, results)).filter(({ outcome }) => outcome !== 'not measured');
  return verdicts.map(({ text, outcome, value, against }) => `  ${outcome}: ${text}: ${number(value, 2)}${against ? ` (${against})` : ''}`);
}

/** The median, and between which it lay. */
function shown(ratio: Spread | undefined): string {
  if (ratio === undefined || Number.isNaN(ratio.median)) return '';
  const median = number(ratio.median, 2);
  return ratio.min === ratio.max ? median : `${median} (${number(ratio.min, 2)}–${number(ratio.max, 2)})`;
}

function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '' : value.toFixed(digits);
}

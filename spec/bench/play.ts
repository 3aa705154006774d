import type { Request } from './arguments';
import { missing, runOf, type ContenderName } from './contender';
import type { Job } from './job';
import { measure } from './measure';
import { Results } from './results';
import type { Stage } from './servers/stage';

/** Plays a job: in each round every contender runs once, forwards and backwards by turns, so that what slows the machine slows all of them. */
export async function play(job: Job, contenders: readonly ContenderName[], { runs, before }: Pick<Request, 'runs' | 'before'>, stage: Stage): Promise<Results> {
  const results = new Results();
  const able = contenders.filter((name) => {
    const reason = missing(name);
    if (reason !== undefined) results.failures.set(name, reason);
    return reason === undefined;
  });
  const place = await stage.place(job.where);
  const rounds = Math.min(runs, job.rounds ?? runs);
  for (let round = 0; round < rounds; round++) {
    for (const name of round % 2 === 0 ? able : able.toReversed()) {
      if (results.failures.has(name)) continue;
      progress(`${job.name}, round ${round + 1} of ${rounds}: ${name}`);
      await once(name, round);
    }
  }
  progress('');
  return results;

  async function once(name: ContenderName, round: number): Promise<void> {
    const scene = stage.scene();
    const run = runOf(name, place, job.work(scene), before);
    if (!run) return void results.failures.set(name, 'cannot do this');
    try {
      const sample = await measure(run, job.patience);
      const wrong = job.check?.(sample, scene);
      if (wrong !== undefined) throw new Error(wrong);
      results.add(name, round, sample);
    } catch (error) {
      results.failures.set(name, `failed: ${(error as Error).message}`);
    }
  }
}

/** One line that changes, where somebody watches. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}

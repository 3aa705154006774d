import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, setPriority, totalmem } from 'node:os';
import { join } from 'node:path';
import { readArguments, USAGE, type Request } from './arguments';
import { SOURCES } from './folders';
import { printFigures } from './figures';
import type { Job } from './job';
import { allJobs } from './jobs';
import { play } from './play';
import { report } from './report';
import { Stage } from './servers/stage';
import { judge } from './target';

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});

async function main(args: readonly string[]): Promise<void> {
  const request = understood(args);
  if (!request) return;
  const jobs = allJobs(request.scale).filter(({ name }) => request.jobs.length === 0 || request.jobs.some((wanted) => name === wanted || name.startsWith(`${wanted}-`)));
  if (jobs.length === 0) throw new Error(`there is no job ${request.jobs.join(', ')}`);
  if (request.list) return console.log(jobs.map(({ name, title }) => `${name}\t${title}`).join('\n'));
  installPeers();
  if (request.figures) return printFigures(request.folder);
  console.log(`Node ${process.version}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, ${Math.round(totalmem() / 1024 ** 3)} GiB; ${request.runs} rounds, medians; "ours÷" is ours divided by theirs, the median over the rounds, and the least and the most`);
  hurry();
  const stage = new Stage(new Set(jobs.flatMap(({ content }) => content)), request);
  const leave = (): never => {
    stage.close();
    process.exit(1);
  };
  process.once('SIGINT', leave).once('SIGTERM', leave);
  try {
    await playAll(jobs, request, stage);
  } finally {
    process.off('SIGINT', leave).off('SIGTERM', leave);
    stage.close();
  }
}

function understood(args: readonly string[]): Request | undefined {
  try {
    return readArguments(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

async function playAll(jobs: readonly Job[], request: Request, stage: Stage): Promise<void> {
  const { only, before, json } = request;
  const record: object[] = [];
  for (const job of jobs) {
    if (!stage.offers(job.where)) {
      console.log(`${job.name}: only where packets can be delayed`);
      continue;
    }
    const contenders = job.contenders.filter((name) => only.includes(name) && (name !== 'before' || before !== undefined));
    const load = loadavg()[0] ?? 0;
    const began = performance.now();
    const results = await play(job, contenders, request, stage);
    console.log(report(job, results, `${stage.describe(job.where)}; load ${load.toFixed(1)} before it; ${((performance.now() - began) / 1000).toFixed(0)} s`));
    record.push({ job: job.name, title: job.title, ...results.toJSON(), targets: job.targets.map((target) => judge(target, results)) });
    if (json !== undefined) writeFileSync(json, JSON.stringify(record, null, 1));
  }
}

/** Servers and contenders inherit this: what else the machine does disturbs them less. Only root may. */
function hurry(): void {
  try {
    setPriority(-20);
  } catch {
    // then not
  }
}

/** The other clients have a lock of their own here; without the network the bench goes on without them. */
function installPeers(): void {
  if (existsSync(join(SOURCES, 'node_modules'))) return;
  try {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: SOURCES, stdio: 'inherit' });
  } catch {
    console.error('the other clients for Node.js could not be installed');
  }
}

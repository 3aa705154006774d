import { run, type Finding } from './run';
import { shrink } from './shrink';
import { describeSession, describeStep, operationsOf, sequence, type Sequence } from './steps';
import type { Target } from './targets';

/** How much is to be done. */
export interface SoakOptions {
  readonly targets: readonly Target[];
  readonly seed: number;
  readonly operations: number;
  /** Operations of one sequence. */
  readonly length?: number;
  /** Sequences at a time. */
  readonly workers?: number;
  /** Findings after which no other sequence begins. */
  readonly enough?: number;
  /** Findings that are known: they end their sequence, and are counted, and that is all. */
  readonly known?: RegExp | undefined;
  /** Seconds that may be spent on making one finding short; default 90. */
  readonly shrinking?: number;
  readonly onFinding?: (report: Report) => void;
}

/** A finding, ready to be read. */
export interface Report {
  readonly target: string;
  readonly finding: Finding;
  readonly text: string;
}

export interface Result {
  readonly operations: number;
  readonly sequences: number;
  readonly milliseconds: number;
  readonly reports: readonly Report[];
  readonly known: number;
}

/** Operations of a sequence where nothing else is said: a seed and this number are what a sequence is made of. */
export const LENGTH = 30;

/** Sequence after sequence, several at a time, on the targets in turn; the nth has the seed plus n. */
export async function soak({ targets, seed, operations, length = LENGTH, workers = 6, enough = 1, known, shrinking = 90, onFinding }: SoakOptions): Promise<Result> {
  const begun = performance.now();
  const reports: Report[] = [];
  const seen = new Set<string>();
  let done = 0;
  let sequences = 0;
  let passed = 0;
  // A server has one sequence at a time: what one does to it is not to be the other's fault.
  const idle = new Set(targets.keys());
  const next = (): number | undefined => {
    const turn = [...idle].sort((a, b) => (turns[a] ?? 0) - (turns[b] ?? 0) || a - b)[0];
    if (turn === undefined) return undefined;
    idle.delete(turn);
    turns[turn] = (turns[turn] ?? 0) + 1;
    return turn;
  };
  const turns: number[] = [];
  const work = async (): Promise<void> => {
    for (let turn = next(); turn !== undefined; turn = next()) {
      await one(turn);
      idle.add(turn);
      if (done >= operations || reports.length >= enough) return;
    }
  };
  const one = async (turn: number): Promise<void> => {
    const number = turn + ((turns[turn] ?? 1) - 1) * targets.length;
    sequences += 1;
    const target = targets[turn] as Target;
    const whole = sequence((seed + number) >>> 0, Math.min(length, operations), target);
    const finding = await run(target, whole);
    done += whole.steps.slice(0, finding && finding.step + 1).reduce((sum, step) => sum + operationsOf(step), 0);
    if (!finding) return;
    const signature = signatureOf(target, finding, whole);
    const lost = target.facts.losesReplies && /^(failure|out of step)$/.test(finding.kind) && finding.message.includes('Timeout');
    if (lost || known?.test(finding.message) || seen.has(signature)) {
      passed += 1;
      return;
    }
    seen.add(signature);
    const report = await explain(target, whole, finding, shrinking);
    reports.push(report);
    onFinding?.(report);
  };
  await Promise.all(Array.from({ length: Math.min(workers, targets.length, Math.ceil(operations / length)) }, work));
  return { operations: done, sequences, milliseconds: performance.now() - begun, reports, known: passed };
}

/** What two findings of the same kind have in common. */
function signatureOf(target: Target, { kind, message, step }: Finding, { steps }: Sequence): string {
  const at = steps[step];
  const what = at && 'together' in at ? `${at.together.map(({ op }) => op).join('+')} ${at.interruption?.what ?? ''}` : 'fresh';
  return `${target.name}: ${kind}: ${what}: ${message.replaceAll(/[\d#][\da-f]*/g, 'n').slice(0, 60)}`;
}

async function explain(target: Target, sequence: Sequence, first: Finding, shrinking: number): Promise<Report> {
  const { sequence: { session, steps, seed }, finding, reproduced } = await shrink({ sequence, finding: first }, (candidate) => run(target, candidate), shrinking);
  const lines = [
    `${target.name}: ${finding.kind}: ${finding.message}`,
    `  with ${describeSession(session)}${reproduced ? '' : '; it did not happen again when it was tried'}`,
    ...steps.map((step, n) => `  ${n === finding.step ? '→' : ' '} ${describeStep(step)}`),
    `  what was said in the last step:`,
    ...finding.dialogue.slice(-40).map((line) => `    ${line}`),
    `  again with FTPLIB_MODEL_SERVER=${target.name} FTPLIB_MODEL_SEED=${seed} FTPLIB_MODEL_OPS=${LENGTH}`,
  ];
  return { target: target.name, finding, text: lines.join('\n') };
}

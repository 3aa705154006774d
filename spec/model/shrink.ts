import type { Finding } from './run';
import type { Doing, Sequence, Step } from './steps';

/** A sequence and what is wrong with it. */
export interface Failing {
  readonly sequence: Sequence;
  readonly finding: Finding;
}

/** What depends on time does not fail each time. */
const TRIES = 2;

/** The shortest sequence that can be found in some time and fails in the same way: steps are left out, then operations called together, then options. */
export async function shrink(failing: Failing, again: (sequence: Sequence) => Promise<Finding | undefined>, seconds: number): Promise<Failing & { readonly reproduced: boolean }> {
  const end = Date.now() + 1000 * seconds;
  let best = failing;
  let reproduced = false;
  const attempt = async (steps: readonly Step[], tries = TRIES): Promise<boolean> => {
    if (Date.now() > end) return false;
    const sequence = { ...best.sequence, steps };
    for (let n = 0; n < tries; n++) {
      const finding = await again(sequence);
      if (finding?.kind !== failing.finding.kind) continue;
      reproduced = true;
      best = { sequence: { ...sequence, steps: steps.slice(0, finding.step + 1) }, finding };
      return true;
    }
    return false;
  };

  if (!(await attempt(best.sequence.steps.slice(0, best.finding.step + 1), 5))) return { ...best, reproduced };
  for (let size = Math.ceil(best.sequence.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.sequence.steps.length && best.sequence.steps.length > 1; ) {
      const { steps } = best.sequence;
      if (!(await attempt([...steps.slice(0, at), ...steps.slice(at + size)]))) at += size;
    }
  }
  for (let n = 0; n < best.sequence.steps.length; n++) {
    for (const simpler of simplerThan(best.sequence.steps[n] as Step)) {
      const { steps } = best.sequence;
      if (n < steps.length) await attempt([...steps.slice(0, n), simpler(steps[n] as Step), ...steps.slice(n + 1)]);
    }
  }
  return { ...best, reproduced };
}

type Change = (step: Step) => Step;

function simplerThan(step: Step): readonly Change[] {
  if ('fresh' in step) return [];
  const members = step.together.length > 1 ? step.together.map((member): Change => (now) => without(now, member)) : [];
  const calm: Change = (now) => ('fresh' in now ? now : { together: now.together });
  const options = step.together.flatMap((member) => optional(member).map((key): Change => (now) => ('fresh' in now ? now : { ...now, together: now.together.map((each) => (each.op === member.op ? less(each, key) : each)) })));
  return [...members, ...(step.interruption ? [calm] : []), ...options];
}

function without(step: Step, member: Doing): Step {
  if ('fresh' in step || step.together.length === 1) return step;
  return { ...step, together: step.together.filter((each) => each !== member) };
}

const OPTIONAL = ['retry', 'verify', 'segments', 'highWaterMark', 'leave', 'fail', 'from', 'to', 'at', 'resume', 'delete', 'mirror', 'hash', 'relative', 'parents'];

function optional({ op, with: given }: Doing): string[] {
  return Object.entries(given).flatMap(([key, value]) => (value !== undefined && value !== false && OPTIONAL.includes(key) && !(op === 'rename' && key === 'to') ? [key] : []));
}

function less({ op, with: given }: Doing, key: string): Doing {
  const boolean = typeof (given as Record<string, unknown>)[key] === 'boolean';
  return { op, with: { ...given, [key]: boolean ? false : undefined } };
}

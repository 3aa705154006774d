import { Backoff, type RetryEvent } from './backoff';
import { HealingPlan } from './healing-plan';
import { checkVerify } from './verify';
import { VerifiedUpload } from './verify-plan';
import type { Command } from '../control/command';
import type { Session } from '../control/session';
import type { RetrOptions } from '../data/retr-stream';
import type { StorOptions } from '../data/stor-stream';
import { ArgumentError } from '../errors';

/** What heals and verifies a download; undefined where its options ask for neither. @throws ArgumentError */
export function healing(session: Session, command: Command, options: RetrOptions, onRetry: (event: RetryEvent) => void): HealingPlan | undefined {
  const { start = 0, end, retry, segments } = options;
  if (segments !== undefined) checkSegments(segments);
  const backoff = retry === undefined || retry === false ? undefined : new Backoff(retry);
  const verify = checkVerify(options.verify);
  if (!backoff && !verify) return undefined;
  if (command.verb !== 'RETR') throw new ArgumentError(`retry and verify are for RETR, not ${command.verb}`);
  if (verify === 'hash' && (start > 0 || end !== undefined)) throw new ArgumentError("verify: 'hash' is for a whole file, not for a range of it");
  return new HealingPlan(session, command, { start, end, backoff, verify, onRetry });
}

/** What verifies an upload; undefined where its options do not ask for it. @throws ArgumentError */
export function verifying(session: Session, command: Command, { start = 0, ...options }: StorOptions): VerifiedUpload | undefined {
  const verify = checkVerify(options.verify);
  if (!verify) return undefined;
  if (command.verb !== 'STOR') throw new ArgumentError(`verify is for STOR, not ${command.verb}`);
  if (verify === 'hash' && start > 0) throw new ArgumentError("verify: 'hash' is for a whole file, not for a part of it");
  return new VerifiedUpload(session, command, start, verify);
}

/** Text changes on its way: nothing can be counted on that would tell where to go on, or what to compare. @throws ArgumentError */
export function refuseForText(options: RetrOptions & StorOptions): void {
  for (const name of NOT_FOR_TEXT) {
    if (options[name] !== undefined && options[name] !== false) throw new ArgumentError(`${name} is for TYPE I, not for text`);
  }
}
const NOT_FOR_TEXT = ['start', 'end', 'retry', 'verify', 'segments', 'segmentBuffer'] as const;

/** @throws ArgumentError */
export function checkSegments(segments: unknown): number {
  if (typeof segments !== 'number' || !Number.isSafeInteger(segments) || segments < 1) throw new ArgumentError(`segments must be a whole number from 1 on, not ${String(segments)}`);
  return segments;
}

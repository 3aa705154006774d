import type { ControlConnection } from '../control/control-connection';
import type { Features } from '../control/features';
import type { Session } from '../control/session';
import { ChangedError, PermanentError, TemporaryError } from '../errors';
import { mlstEntry } from '../listing/mlsx';
import { parseTime } from '../listing/time';
import type { Reply } from '../reply';

/** What tells whether a file is still the same; what the server does not tell is undefined. */
export interface Identity {
  readonly size: number | undefined;
  /** Milliseconds, as `Date.getTime()`. */
  readonly modified: number | undefined;
  /** The server has nothing that would tell a size. */
  readonly unsized: boolean;
}

/**
 * Asks SIZE and MDTM in one flight (RFC 3659); where FEAT does not have SIZE one after the other, and MLST when there is neither.
 * What is refused for good is unknown.
 *
 * @param patient whether to take "not now" (4yz) for unknown too, rather than to throw
 */
export async function identify(session: Session, control: ControlConnection, path: string, features: Features, patient: boolean): Promise<Identity> {
  const ask = (verb: string): Promise<Reply | undefined> => known(control.exec(session.command(verb, path)), patient);
  // ProFTPD and pyftpdlib refuse SIZE in TYPE A.
  const typed = session.switchType(control, 'I');
  if (features.has('SIZE')) {
    const [size, time] = await Promise.all([ask('SIZE'), ask('MDTM'), typed]);
    return { size: sizeIn(size), modified: timeIn(time), unsized: isUnknown(size) };
  }
  // aioftp 0.21, which has no FEAT, refuses what it does not know before it has answered what came first.
  await typed;
  const size = await ask('SIZE');
  const time = await ask('MDTM');
  if (!isUnknown(size) || !isUnknown(time)) return { size: sizeIn(size), modified: timeIn(time), unsized: isUnknown(size) };
  const facts = await ask('MLST');
  const entry = facts && facts.kind === 'completion' ? mlstEntry(facts) : undefined;
  return { size: entry?.size, modified: entry?.modified?.getTime(), unsized: entry?.size === undefined };
}

/** @throws ChangedError when what was known of the file differs, or is not told any more */
export function assertSame(path: string, before: Identity, now: Identity): void {
  if (before.size !== undefined && before.size !== now.size) throw new ChangedError(`${path} has changed: its size was ${before.size}, and is ${now.size ?? 'unknown'}`);
  if (before.modified !== undefined && before.modified !== now.modified) {
    throw new ChangedError(`${path} has changed: its time was ${shown(before.modified)}, and is ${now.modified === undefined ? 'unknown' : shown(now.modified)}`);
  }
}

async function known(answer: Promise<Reply>, patient: boolean): Promise<Reply | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof PermanentError || (patient && error instanceof TemporaryError)) return error.reply;
    throw error;
  }
}

function sizeIn(reply: Reply | undefined): number | undefined {
  const text = textOf(reply);
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

function timeIn(reply: Reply | undefined): number | undefined {
  return parseTime(textOf(reply))?.getTime();
}

function textOf(reply: Reply | undefined): string {
  return reply?.code === 213 ? reply.text.trim() : '';
}

/** The command is not implemented. */
function isUnknown(reply: Reply | undefined): boolean {
  return reply !== undefined && [500, 502, 504].includes(reply.code);
}

function shown(time: number): string {
  return new Date(time).toISOString();
}

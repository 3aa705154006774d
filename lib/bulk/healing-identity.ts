import type { ControlConnection } from '../control/control-connection';
import type { Reply } from '../control/reply';
import type { Session } from '../control/session';
import { ChangedError, PermanentError, TemporaryError } from '../errors';
import { parseTime } from '../listing/time';

/** What tells whether a file is still the same; what the server does not tell is undefined. */
export interface Identity {
  readonly size: number | undefined;
  /** Milliseconds, as `Date.getTime()`. */
  readonly modified: number | undefined;
  /** The server has no SIZE at all. */
  readonly unsized: boolean;
}

/**
 * Asks SIZE and MDTM in one flight (RFC 3659). What is refused for good is unknown.
 *
 * @param patient whether to take "not now" (4yz) for unknown too, rather than to throw
 */
export async function identify(session: Session, control: ControlConnection, path: string, patient: boolean): Promise<Identity> {
  // ProFTPD and pyftpdlib refuse SIZE in TYPE A.
  const typed = session.switchType(control, 'I');
  const asked = [control.exec(session.command('SIZE', path)), control.exec(session.command('MDTM', path))] as const;
  const [, size, time] = await Promise.all([typed, ...asked.map((answer) => known(answer, patient))]);
  const bytes = textOf(size);
  const modified = parseTime(textOf(time))?.getTime();
  const exact = /^\d+$/.test(bytes) && Number.isSafeInteger(Number(bytes));
  return { size: exact ? Number(bytes) : undefined, modified, unsized: [500, 502, 504].includes(size?.code ?? 0) };
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

function textOf(reply: Reply | undefined): string {
  return reply?.code === 213 ? reply.text.trim() : '';
}

function shown(time: number): string {
  return new Date(time).toISOString();
}

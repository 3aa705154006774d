import { linesOf } from '../support/server/listing';
import type { Session } from '../support/server/session';
import { download } from '../support/server/transfer';

/** A listing whose lines are made as they are sent, for each folder by its absolute path. */
export function listing(linesIn: (path: string) => Iterable<string>): (session: Session, argument: string) => Promise<void> {
  return (session, argument) => download(session, '150 Here it comes.', linesOf(linesIn(session.path(argument)), (line) => line, 'utf8'));
}

/** One line of MLSD. */
export function line(name: string, facts: { readonly type?: string; readonly size?: number; readonly unique?: string; readonly modify?: string } = {}): string {
  const { type = 'file', size = type === 'file' ? 1 : undefined, modify = '20200229123456', unique } = facts;
  return `type=${type};modify=${modify};${size === undefined ? '' : `size=${size};`}${unique === undefined ? '' : `unique=${unique};`} ${name}`;
}

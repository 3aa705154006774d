import type { ControlConnection } from './control-connection';
import type { Codec } from './encoding';
import { Command } from './command';
import type { Reply } from './reply';
import { ReplyError } from '../errors';

/** Who logs in. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
  readonly account?: string | undefined;
}

/**
 * USER, then PASS and ACCT as far as the server asks for them (RFC 959, 5.4).
 *
 * Each waits for the reply before it: vsftpd and Pure-FTPd answer 230 to an anonymous USER, and a PASS behind that
 * would be a second login.
 */
export async function login(control: ControlConnection, codec: Codec, { user, password, account }: Credentials): Promise<Reply> {
  let reply = await control.exec(new Command(`USER ${user}`, codec));
  if (reply.code === 331) reply = await control.exec(new Command(`PASS ${password}`, codec));
  if (reply.code === 332) {
    if (account === undefined) throw new ReplyError(`the server wants an account, and the option is not set: ${reply}`, { reply, command: 'ACCT' });
    reply = await control.exec(new Command(`ACCT ${account}`, codec));
  }
  if (reply.kind !== 'completion') throw new ReplyError(`USER ${user}: ${reply}`, { reply, command: `USER ${user}` });
  return reply;
}

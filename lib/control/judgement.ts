import type { Command } from './command';
import { ruleOf } from './command-table';
import { Reply } from './reply';
import { annotate, ConnectionClosedError, FTPError, PermanentError, ProtocolError, ReplyError, SecurityError, TemporaryError, TimeoutError } from '../errors';

/** The error for a final reply of class 4yz or 5yz. */
export function failureOf(reply: Reply, command: Command | undefined): ReplyError {
  const kind = reply.kind === 'transient' ? TemporaryError : PermanentError;
  return new kind(worded(reply, command), { reply, command: command?.shown });
}

/** The error for a final reply that is no failure, but of another class than the command's own. */
export function unexpected(reply: Reply, command: Command | undefined): ReplyError {
  return new ReplyError(worded(reply, command), { reply, command: command?.shown });
}

function worded(reply: Reply, command: Command | undefined): string {
  return command ? `${command.shown}: ${reply}` : String(reply);
}

/** Each caller gets an error of its own, so that none sees what another's stream adds to it. */
function copyFor(error: TimeoutError | ProtocolError | SecurityError, command: Command | undefined): FTPError {
  const kind = error.constructor as typeof FTPError;
  return new kind(error.message, { cause: error, reply: error.reply, command: command?.shown });
}

/** 226 and 250 end a transfer (RFC 959, 4.2.1), also one that had no mark. */
export function isTransferEnd(reply: Reply): boolean {
  return reply.code === 226 || reply.code === 250;
}

/** 426 and 451 end a transfer that has failed (RFC 959, 4.2.1 and 5.4), and are no answer to a command that may follow its data: a 226 that comes then is another's. */
export function isTransferFailure(reply: Reply): boolean {
  return reply.code === 426 || reply.code === 451;
}

/** During a transfer, these answer a NOOP: no transfer ends with one of them. */
export function answersNoop(reply: Reply): boolean {
  return reply.code === 200 || (reply.code >= 500 && reply.code <= 504);
}

/** Some servers repeat the line they refuse, password and all. */
export function conceal(reply: Reply, secret: string): Reply {
  if (!reply.lines.some((line) => line.includes(secret))) return reply;
  return new Reply(
    reply.code,
    reply.lines.map((line) => {
      const text = /^\d{3}(?:[ -]|$)/.test(line) ? 4 : 0;
      return line.slice(0, text) + line.slice(text).replaceAll(secret, '****');
    }),
  );
}

/** What a command fails with that finds the connection closed by `error`. */
export function lostConnection(error: Error | undefined, command: Command | undefined): FTPError {
  if (error instanceof TimeoutError || error instanceof ProtocolError || error instanceof SecurityError) return copyFor(error, command);
  return new ConnectionClosedError(`${command ? `${command.shown}: ` : ''}${error?.message ?? 'the connection was closed'}`, {
    cause: error,
    reply: error instanceof FTPError ? error.reply : undefined,
    command: command?.shown,
  });
}

/** The same for a command that was sent, and whose reply will not come: what changes files may have been carried out. */
export function lostReply(error: Error | undefined, command: Command | undefined): FTPError {
  const rule = command && ruleOf(command.verb, false);
  return annotate(lostConnection(error, command), { maybeCompleted: (rule?.changes === 'server' && !rule.transfers) || undefined });
}

// Which replies each command may have, in one table; what a reply means for the command that waits; and the errors that come of it.

import { annotate, ConnectionClosedError, FTPError, PermanentError, ProtocolError, ReplyError, SecurityError, TemporaryError, TimeoutError } from '../errors';
import { Reply } from '../reply';
import type { Command } from './command';

/** Which replies a command may have, and what may share a flight with it: commands that are sent before the replies to those before them. */
export interface CommandRule {
  /** The codes of success: 2yz, and 3yz where the command asks for more. */
  readonly codes: ReadonlySet<number>;
  /** Whether any other 2yz is a success, too, unless it belongs to another command: servers mix up 200, 202 and 250. */
  readonly lenient: boolean;
  /** Whether preliminary replies (1yz) come before the final one. */
  readonly preliminary: boolean;
  /**
   * What a success changes. `server`: files, so that the command may have been carried out when its reply is lost. `session`: the meaning of
   * later commands. `nothing`: the command asks a question, or prepares a transfer.
   */
  readonly changes: 'server' | 'session' | 'nothing';
  /** Whether it may be sent after the data of a transfer, before the transfer's final reply: 226 and 250 must not be codes of its own. */
  readonly allowedBeforeCompletion: boolean;
  /** Whether no command may be sent before its final reply: TLS begins or ends there, or the user changes. */
  readonly barrier: boolean;
  /** Whether nothing depends on its success: it may share a flight with a command that has the same codes. */
  readonly outcomeIgnored: boolean;
  /** Whether it has a data connection; a 2yz that is not its own, before its preliminary reply, is not its final reply. */
  readonly transfers: boolean;
  /** Whether it transfers a listing. */
  readonly lists: boolean;
  /** Whether it interrupts the command before it, and so waits for no reply. */
  readonly interrupts: boolean;
  /** Whether its success may set something in the session which we do not know, and cannot set again in another one. */
  readonly irreplaceable: boolean;
}

type Traits = Omit<CommandRule, 'codes'>;

/** The traits of a command that has no others in the table. */
const PLAIN: Traits = {
  lenient: false, preliminary: false, changes: 'nothing', allowedBeforeCompletion: false, barrier: false, outcomeIgnored: false, transfers: false, lists: false, interrupts: false,
  irreplaceable: false,
};
const LENIENT: Partial<Traits> = { lenient: true };
const ASKS: Partial<Traits> = { allowedBeforeCompletion: true };
const CHANGES: Partial<Traits> = { lenient: true, changes: 'server' };
const MOVES: Partial<Traits> = { lenient: true, changes: 'session' };
const LOGS_IN: Partial<Traits> = { lenient: true, changes: 'session', barrier: true };
const TRANSFERS: Partial<Traits> = { preliminary: true, transfers: true };
const STORES: Partial<Traits> = { preliminary: true, transfers: true, changes: 'server' };

/** The rules by verb: RFC 959, 5.4; RFC 1123, 4.1.2; RFC 2228; RFC 2389; RFC 2428; RFC 3659; RFC 4217; draft-bryan-ftpext-hash; draft-somers-ftp-mfxx; drftpd's PRET. */
const TABLE: Readonly<Record<string, CommandRule>> = {
  ...rules('USER', '230 231 232 331 332', LOGS_IN),
  ...rules('PASS', '202 230 231 232 332', LOGS_IN),
  ...rules('ACCT', '202 230', LOGS_IN),
  ...rules('REIN', '220', { ...LOGS_IN, preliminary: true }),
  ...rules('QUIT', '221', { lenient: true, changes: 'session', barrier: true }),
  ...rules('AUTH', '234 334', { changes: 'session', barrier: true }),
  ...rules('ADAT', '235 335', { changes: 'session', barrier: true }),
  ...rules('CCC', '200', { lenient: true, changes: 'session', barrier: true }),
  ...rules('PBSZ', '200', { lenient: true, outcomeIgnored: true }),
  ...rules('PROT', '200', LENIENT),
  ...rules('CWD XCWD CDUP XCUP', '200 250', MOVES),
  ...rules('SMNT', '200 250', { ...MOVES, irreplaceable: true }),
  ...rules('PWD XPWD', '257', ASKS),
  ...rules('TYPE', '200', { lenient: true, allowedBeforeCompletion: true }),
  ...rules('STRU MODE', '200', { lenient: true, allowedBeforeCompletion: true, irreplaceable: true }),
  ...rules('PRET', '200', { lenient: true, allowedBeforeCompletion: true }),
  ...rules('PORT EPRT', '200', LENIENT),
  ...rules('PASV', '227', ASKS),
  ...rules('EPSV', '229', ASKS),
  ...rules('REST', '350', { changes: 'session' }),
  ...rules('RETR', '226 250', TRANSFERS),
  ...rules('LIST NLST MLSD', '226 250', { ...TRANSFERS, lists: true }),
  ...rules('STOR STOU APPE', '226 250', STORES),
  ...rules('ABOR', '225 226', { interrupts: true }),
  ...rules('ALLO', '200 202', LENIENT),
  ...rules('RNFR', '350', { changes: 'session' }),
  ...rules('RNTO DELE RMD XRMD', '250', CHANGES),
  ...rules('MKD XMKD', '257', CHANGES),
  ...rules('MFMT MFCT MFF', '213', CHANGES),
  ...rules('SITE', '200 202 211 212 213 214 215 250', { ...CHANGES, irreplaceable: true }),
  ...rules('SIZE MDTM', '213', ASKS),
  ...rules('MLST', '250', LENIENT),
  ...rules('HASH CKSM', '213', LENIENT),
  ...rules('XCRC XMD5 XSHA XSHA1 XSHA256 XSHA512', '213 250', LENIENT),
  ...rules('MD5', '251', LENIENT),
  ...rules('FEAT', '211', ASKS),
  ...rules('OPTS', '200', { lenient: true, outcomeIgnored: true }),
  ...rules('SYST', '215', LENIENT),
  ...rules('STAT', '211 212 213', LENIENT),
  ...rules('HELP', '211 214', LENIENT),
  ...rules('NOOP', '200', { lenient: true, allowedBeforeCompletion: true }),
};

/** The rule for a verb that is not in the table, and has no data connection. */
const UNKNOWN: CommandRule = { ...PLAIN, codes: new Set(), lenient: true, preliminary: true, changes: 'server', irreplaceable: true };
/** The rule for such a verb that has a data connection. */
const UNKNOWN_TRANSFER: CommandRule = { ...UNKNOWN, codes: new Set([226, 250]), lenient: false, transfers: true };

/** Codes that belong to certain commands; 200, 202 and 250 may answer many. */
const SPECIFIC_CODES: ReadonlySet<number> = new Set(Object.values(TABLE).flatMap(({ codes }) => [...codes]).filter((code) => ![200, 202, 250].includes(code)));
/** Codes about a data connection: no command without one is answered by them, even one that is not in the table. */
const DATA_CONNECTION_CODES: ReadonlySet<number> = new Set([225, 226, 227, 229]);

/** The rule for a command. @param transfer whether it has a data connection, whatever its verb */
export function ruleOf(verb: string, transfer: boolean): CommandRule {
  const rule = Object.hasOwn(TABLE, verb) ? TABLE[verb] : undefined;
  if (transfer) return rule?.transfers ? rule : UNKNOWN_TRANSFER;
  return rule ?? UNKNOWN;
}

/**
 * What a reply means for the command that waits.
 *
 * `preliminary`: the final reply follows. `success`: the command was carried out. `refusal`: 4yz or 5yz. `unexpected`: a final reply of
 * another class, such as 3yz where 2yz is due. `foreign`: the reply to another command, so that replies and commands are out of step.
 */
export type Verdict = 'preliminary' | 'success' | 'refusal' | 'unexpected' | 'foreign';

/** Judges a reply; no other place does. @param rule undefined for the greeting @param preliminarySeen whether a preliminary reply came before */
export function judge({ code, kind }: Reply, rule: CommandRule | undefined, preliminarySeen = false): Verdict {
  if (kind === 'transient' || kind === 'permanent') return 'refusal';
  if (!rule) return kind === 'preliminary' ? 'preliminary' : kind === 'completion' ? 'success' : 'unexpected';
  if (kind === 'preliminary') return rule.preliminary || (code !== 125 && code !== 150) ? 'preliminary' : 'foreign';
  if (rule.codes.has(code)) return 'success';
  if (kind === 'intermediate') return 'unexpected';
  if (rule === UNKNOWN) return DATA_CONNECTION_CODES.has(code) && !preliminarySeen ? 'foreign' : 'success';
  if (code === 227 && rule === TABLE['EPSV']) return 'unexpected'; // some servers take EPSV for PASV
  if (SPECIFIC_CODES.has(code)) return 'foreign';
  return rule.lenient ? 'success' : 'unexpected';
}

/** Whether the success of one of two commands could be taken for the success of the other. */
export function areAlike(a: CommandRule, b: CommandRule): boolean {
  if (a.lenient && b.lenient) return true;
  for (const code of a.codes) if (b.codes.has(code)) return true;
  return false;
}

/** The same rule for several verbs. */
function rules(verbs: string, codes: string, traits: Partial<Traits>): Record<string, CommandRule> {
  const rule: CommandRule = { ...PLAIN, ...traits, codes: new Set(codes.split(' ').map(Number)) };
  return Object.fromEntries(verbs.split(' ').map((verb) => [verb, rule]));
}

/** True for 226 and 250, which end a transfer (RFC 959, 4.2.1), even one without a preliminary reply. */
export function isTransferEnd(reply: Reply): boolean {
  return reply.code === 226 || reply.code === 250;
}

/** True for 426 and 451, which end a failed transfer (RFC 959, 4.2.1 and 5.4): they answer no command that may be sent after its data. */
export function isTransferFailure(reply: Reply): boolean {
  return reply.code === 426 || reply.code === 451;
}

/** The codes by which servers say that they do not have a command (RFC 959, 4.2.1); 402 is ftp-srv's of 2019, and no code of any RFC. */
const NOT_IMPLEMENTED: readonly (number | undefined)[] = [402, 500, 502, 504];

/** True for a reply that says that the server does not have the command. */
export function isNotImplemented(reply: Reply | undefined): boolean {
  return NOT_IMPLEMENTED.includes(reply?.code);
}

/** True for a code that answers a NOOP during a transfer: no transfer ends with one of these. */
export function answersNoop(reply: Reply): boolean {
  return reply.code === 200 || (reply.code >= 500 && reply.code <= 504);
}

/** The reply without the secret: some servers repeat the command that they refuse, with its password. */
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

/** The error for a final reply of class 4yz or 5yz. */
export function failureOf(reply: Reply, command: Command | undefined): ReplyError {
  const kind = reply.kind === 'transient' ? TemporaryError : PermanentError;
  return new kind(messageOf(reply, command), { reply, command: command?.shown });
}

/** The error for a final reply that is no refusal, and no success of the command. */
export function unexpected(reply: Reply, command: Command | undefined): ReplyError {
  return new ReplyError(messageOf(reply, command), { reply, command: command?.shown });
}

function messageOf(reply: Reply, command: Command | undefined): string {
  return command ? `${command.shown}: ${reply}` : String(reply);
}

/** The error of a command that cannot be sent, because the connection was closed by `error`. */
export function lostConnection(error: Error | undefined, command: Command | undefined): FTPError {
  if (error instanceof TimeoutError || error instanceof ProtocolError || error instanceof SecurityError) return copyFor(error, command);
  return new ConnectionClosedError(`${command ? `${command.shown}: ` : ''}${error?.message ?? 'the connection was closed'}`, {
    cause: error,
    reply: error instanceof FTPError ? error.reply : undefined,
    command: command?.shown,
  });
}

/** A copy of the error for one command, because each caller may add details to its own. */
function copyFor(error: TimeoutError | ProtocolError | SecurityError, command: Command | undefined): FTPError {
  const kind = error.constructor as typeof FTPError;
  return new kind(error.message, { cause: error, reply: error.reply, command: command?.shown });
}

/** The error of a command that was sent and will have no reply: if it changes files, it may have been carried out. */
export function lostReply(error: Error | undefined, command: Command | undefined): FTPError {
  const rule = command && ruleOf(command.verb, false);
  return annotate(lostConnection(error, command), { maybeCompleted: (rule?.changes === 'server' && !rule.transfers) || undefined });
}

import { annotate, ConnectionClosedError, FTPError, PermanentError, ProtocolError, ReplyError, SecurityError, TemporaryError, TimeoutError } from '../errors';
import { Reply } from '../reply';
import type { Command } from './command';

/** What one command may be answered, and what it means for the others. */
export interface CommandRule {
  /** The codes of its success: 2yz, and 3yz where the command asks for more. */
  readonly codes: ReadonlySet<number>;
  /** Any other 2yz is its success too, unless it is another command's own: servers are free with 200, 202 and 250. */
  readonly lenient: boolean;
  /** Marks (1yz) come before its final reply. */
  readonly preliminary: boolean;
  /**
   * `server`: it changes files, so that it may have been carried out when its reply is lost. `session`: it changes what later commands
   * mean. `nothing`: it asks, or prepares a transfer.
   */
  readonly changes: 'server' | 'session' | 'nothing';
  /** It may leave when the data of a transfer have ended, before the transfer's final reply: that is 226 or 250, which is none of its own. */
  readonly allowedBeforeCompletion: boolean;
  /** Nothing may follow it before its final reply: TLS begins or ends there, or the user changes. */
  readonly barrier: boolean;
  /** Nobody concludes anything from its success: it may be in flight beside a command with the same codes. */
  readonly outcomeIgnored: boolean;
  /** It has a data connection; before its mark, a 2yz that is none of its own is no final reply. */
  readonly transfers: boolean;
  /** What it transfers is a listing. */
  readonly lists: boolean;
  /** It ends what is under way, and so waits for nothing. */
  readonly interrupts: boolean;
}

type Traits = Partial<Omit<CommandRule, 'codes'>>;

const LENIENT: Traits = { lenient: true };
const ASKS: Traits = { allowedBeforeCompletion: true };
const CHANGES: Traits = { lenient: true, changes: 'server' };
const MOVES: Traits = { lenient: true, changes: 'session' };
const LOGS_IN: Traits = { lenient: true, changes: 'session', barrier: true };
const TRANSFERS: Traits = { preliminary: true, transfers: true };
const STORES: Traits = { preliminary: true, transfers: true, changes: 'server' };

/** RFC 959, 5.4; RFC 1123, 4.1.2; RFC 2228; RFC 2389; RFC 2428; RFC 3659; RFC 4217; draft-bryan-ftpext-hash; draft-somers-ftp-mfxx. */
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
  ...rules('CWD XCWD CDUP XCUP SMNT', '200 250', MOVES),
  ...rules('PWD XPWD', '257', ASKS),
  ...rules('TYPE STRU MODE', '200', { lenient: true, allowedBeforeCompletion: true }),
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
  ...rules('SITE', '200 202 211 212 213 214 215 250', CHANGES),
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

/** A caller's own command, about which nothing is known but that it is no transfer. */
const UNKNOWN: CommandRule = { codes: new Set(), lenient: true, preliminary: true, changes: 'session', allowedBeforeCompletion: false, barrier: false, outcomeIgnored: false, transfers: false, lists: false, interrupts: false };
/** The same for one that has a data connection. */
const UNKNOWN_TRANSFER: CommandRule = { ...UNKNOWN, codes: new Set([226, 250]), lenient: false, transfers: true };

/** Codes that say of themselves which commands they answer; 200, 202 and 250 say nothing. */
const SPECIFIC_CODES: ReadonlySet<number> = new Set(Object.values(TABLE).flatMap(({ codes }) => [...codes]).filter((code) => ![200, 202, 250].includes(code)));
/** Answers of a data connection: a command without one never has them, known or not. */
const DATA_CONNECTION_CODES: ReadonlySet<number> = new Set([225, 226, 227, 229]);

/** @param transfer it has a data connection, whatever its verb */
export function ruleOf(verb: string, transfer: boolean): CommandRule {
  const rule = Object.hasOwn(TABLE, verb) ? TABLE[verb] : undefined;
  if (transfer) return rule?.transfers ? rule : UNKNOWN_TRANSFER;
  return rule ?? UNKNOWN;
}

/**
 * What a reply says to the command that waits for one.
 *
 * `mark`: there is more to come. `success`; `refusal`: 4yz and 5yz. `unexpected`: a final reply that is none of these, such as 3yz where
 * 2yz is due. `foreign`: an answer to something else, so that replies and commands are out of step.
 */
export type Verdict = 'preliminary' | 'success' | 'refusal' | 'unexpected' | 'foreign';

/** Judges a reply: the only place that does. @param rule undefined for the greeting @param marked whether a mark came before it */
export function judge({ code, kind }: Reply, rule: CommandRule | undefined, marked = false): Verdict {
  if (kind === 'transient' || kind === 'permanent') return 'refusal';
  if (!rule) return kind === 'preliminary' ? 'preliminary' : kind === 'completion' ? 'success' : 'unexpected';
  if (kind === 'preliminary') return rule.preliminary || (code !== 125 && code !== 150) ? 'preliminary' : 'foreign';
  if (rule.codes.has(code)) return 'success';
  if (kind === 'intermediate') return 'unexpected';
  if (rule === UNKNOWN) return DATA_CONNECTION_CODES.has(code) && !marked ? 'foreign' : 'success';
  if (SPECIFIC_CODES.has(code)) return 'foreign';
  return rule.lenient ? 'success' : 'unexpected';
}

/** Whether a reply to one of two commands may be taken for a reply to the other. */
export function areAlike(a: CommandRule, b: CommandRule): boolean {
  if (a.lenient && b.lenient) return true;
  for (const code of a.codes) if (b.codes.has(code)) return true;
  return false;
}

function rules(verbs: string, codes: string, traits: Traits): Record<string, CommandRule> {
  const rule: CommandRule = { codes: new Set(codes.split(' ').map(Number)), lenient: false, preliminary: false, changes: 'nothing', allowedBeforeCompletion: false, barrier: false, outcomeIgnored: false, transfers: false, lists: false, interrupts: false, ...traits };
  return Object.fromEntries(verbs.split(' ').map((verb) => [verb, rule]));
}

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

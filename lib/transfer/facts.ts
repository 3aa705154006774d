import { randomBytes } from 'node:crypto';
import type { Command } from '../control/command';
import { isNotImplemented, unexpected } from '../control/command-table';
import type { Features } from '../control/features';
import type { ObservedServer } from '../control/observed-server';
import type { Session, Turn } from '../control/session';
import { ChangedError, PermanentError, ReplyError, TemporaryError } from '../errors';
import type { Entry } from '../listing/entry';
import { lastName, mlstEntry } from '../listing/mlsx';
import { formatTime, parseTime } from '../listing/time';
import type { Reply } from '../reply';

/** The facts of a file that a server gives; those that it does not give are undefined. */
export interface FileFacts {
  /** Bytes. */
  readonly size: number | undefined;
  readonly modified: Date | undefined;
}

/** The facts of a file about which nothing is known. */
export const UNKNOWN_FACTS: FileFacts = { size: undefined, modified: undefined };

/** Commands that ask for facts, and that a server may lack. */
export type FactCommand = 'SIZE' | 'MDTM' | 'MLST';

/** Who is asked for facts: a client, a pool, or a session in the turn of a transfer. */
interface FactsSource {
  size(path: string): Promise<number>;
  mdtm(path: string): Promise<Date>;
  mlst(path: string): Promise<Entry>;
}

/** Which facts are asked for, and how. */
interface FactsOptions {
  /** Default true. */
  readonly size?: boolean;
  /** Default true. */
  readonly modified?: boolean;
  /** Whether a fact is taken for unknown after a 4yz. Default false: it is thrown, as is any error that says nothing about the file. */
  readonly ignoresTemporary?: boolean;
  /** The commands that the server lacks, which are not sent again; those that it does not know are added. */
  readonly lacks?: Set<FactCommand>;
}

/**
 * Asks for the size and the time of a file: SIZE and MDTM together (RFC 3659, 3 and 4), and MLST in place of one that the server does not have
 * (aioftp 0.21 has no SIZE). A fact that the server refuses is unknown; a missing file has no facts.
 */
export async function factsOf(source: FactsSource, path: string, { size = true, modified = true, ignoresTemporary = false, lacks = new Set() }: FactsOptions = {}): Promise<FileFacts> {
  const ask = async <T>(command: FactCommand, question: () => Promise<T>): Promise<T | undefined> => {
    if (lacks.has(command)) return undefined;
    try {
      return await question();
    } catch (error) {
      if (!isAnswer(error, ignoresTemporary)) throw error;
      if (isNotImplemented(error.reply)) lacks.add(command);
      return undefined;
    }
  };
  const facts = { size: size ? ask('SIZE', () => source.size(path)) : undefined, modified: modified ? ask('MDTM', () => source.mdtm(path)) : undefined };
  const [bytes, time] = await Promise.all([facts.size, facts.modified]);
  if (!(size && lacks.has('SIZE')) && !(modified && lacks.has('MDTM'))) return { size: bytes, modified: time };
  const entry = await ask('MLST', () => source.mlst(path));
  if (entry && !entry.facts) lacks.add('MLST'); // it was made of SIZE and MDTM
  return { size: bytes ?? (entry?.type === 'directory' ? undefined : entry?.size), modified: time ?? entry?.modified };
}

/** The entry at a path, by MLST or what takes its place; undefined where the server says that there is none. */
export async function entryAt(source: Pick<FactsSource, 'mlst'>, path: string): Promise<Entry | undefined> {
  try {
    return await source.mlst(path);
  } catch (error) {
    if (!(error instanceof PermanentError)) throw error;
    return undefined;
  }
}

/** True for a reply about the path, and false where the session has ended, or could not be made. */
export function isAnswer(error: unknown, ignoresTemporary: boolean): error is ReplyError {
  if (!(error instanceof ReplyError) || error.phase === 'connect' || error.phase === 'login' || error.reply?.code === 421) return false;
  return ignoresTemporary || !(error instanceof TemporaryError) || isNotImplemented(error.reply);
}

/** The facts that show whether a file is still the same. */
export interface Identity extends FileFacts {
  /** Whether the server has no command that gives a size. */
  readonly unsized: boolean;
}

/**
 * Asks for the facts of a file in the turn of its transfer, in one flight where FEAT has SIZE. MLST is asked only where FEAT has no SIZE, and the
 * server has neither SIZE nor MDTM: otherwise the transfer may be under way when the replies come.
 *
 * @param ignoresTemporary whether a fact is taken for unknown after a 4yz, which is thrown otherwise
 */
export async function identify(turn: Turn, path: string, features: Features, ignoresTemporary: boolean): Promise<Identity> {
  const source = new TurnSource(turn, features.has('SIZE'));
  const lacks = new Set<FactCommand>(['MLST']);
  let facts = await factsOf(source, path, { ignoresTemporary, lacks });
  if (!features.has('SIZE') && lacks.has('SIZE') && lacks.has('MDTM')) {
    lacks.delete('MLST');
    facts = await factsOf(source, path, { ignoresTemporary, lacks });
  }
  return { ...facts, unsized: facts.size === undefined && lacks.has('SIZE') };
}

/** A session in the turn of a transfer. */
class TurnSource implements FactsSource {
  /** The next command waits for this, if there is anything. */
  #before: Promise<unknown> | undefined;
  readonly #typed: Promise<unknown> | undefined;

  /** @param inOneFlight false for aioftp 0.21, which has no FEAT, and refuses unknown commands before it answers those before them */
  constructor(
    private readonly turn: Turn,
    private readonly inOneFlight: boolean,
  ) {
    this.#typed = turn.session.switchType(turn.control, 'I'); // ProFTPD and pyftpdlib refuse SIZE in TYPE A
  }

  async size(path: string): Promise<number> {
    const [size] = await Promise.all([this.#exec('SIZE', path, sizeIn), this.#typed]);
    return size;
  }

  mdtm(path: string): Promise<Date> {
    return this.#exec('MDTM', path, timeIn);
  }

  mlst(path: string): Promise<Entry> {
    return this.#exec('MLST', path, (reply) => mlstEntry(reply, path));
  }

  #exec<T>(verb: FactCommand, path: string, read: (reply: Reply) => T | undefined): Promise<T> {
    const { turn } = this;
    const command = turn.session.command(verb, path);
    const before = this.inOneFlight ? undefined : (this.#before ?? this.#typed);
    const answer = before ? before.then(() => ask(turn, command, read)) : ask(turn, command, read);
    this.#before = answer.catch(() => undefined);
    return answer;
  }
}

async function ask<T>({ control, sending }: Turn, command: Command, read: (reply: Reply) => T | undefined): Promise<T> {
  const reply = await control.exec(command, sending);
  const value = read(reply);
  if (value === undefined) throw unexpected(reply, command);
  return value;
}

/**
 * The size that a file has for sure; undefined for 0: servers list and answer 0 for files whose content is made while it is read, and for those that
 * somebody still writes. Whether such a file is empty shows when it is downloaded.
 */
export function certainSize(size: number | undefined): number | undefined {
  return size === 0 ? undefined : size;
}

/** The commands that set the time of a file: MFMT, or what a server was seen to take in place of it. */
type TimeCommand = 'MFMT' | Exclude<ObservedServer['setsTimesBy'], 'nothing' | undefined>;

/** How each is spelled, with what is before and after the path: MFMT (draft-somers-ftp-mfxx, 3.1), and what servers have that do not know it. */
const TIME_COMMANDS: Readonly<Record<TimeCommand, (time: string) => readonly [verb: string, before: string, after?: string]>> = {
  MFMT: (time) => ['MFMT', `${time} `],
  /** vsftpd 3.0.3; elsewhere it asks for the time of a file with such a name. */
  MDTM: (time) => ['MDTM', `${time} `],
  /** ProFTPD, Pure-FTPd. */
  'SITE UTIME with three times': (time) => ['SITE', 'UTIME ', ` ${time} ${time} ${time} UTC`],
  /** ProFTPD, Pure-FTPd, GridFTP; some of these servers read it in their own time zone. */
  'SITE UTIME with one time': (time) => ['SITE', `UTIME ${time} `],
};
/** In the order in which they are tried. */
const IN_PLACE_OF_MFMT = ['MDTM', 'SITE UTIME with three times', 'SITE UTIME with one time'] as const;

/** A command that sets the time of a file. */
export function timeCommand(session: Session, path: string, date: Date, way: TimeCommand = 'MFMT'): Command {
  const [verb, before, after] = TIME_COMMANDS[way](formatTime(date));
  return session.command(verb, path, before, after);
}

/** Sets the time of a file, by MFMT unless another command is known to do it on this server. */
export async function setTime({ session, control, sending }: Turn, path: string, date: Date, way = session.observed.setsTimesBy): Promise<Reply> {
  const command = timeCommand(session, path, date, way === 'nothing' ? 'MFMT' : way);
  try {
    return await control.exec(command, sending);
  } catch (error) {
    // MDTM with a time has other codes of success than MDTM without one: 253 of Serv-U.
    if (error instanceof ReplyError && error.reply?.kind === 'completion') return error.reply;
    throw error;
  }
}

/**
 * Sets the time of a file on a server that does not know MFMT, by the first command after which the time that is read back is the one that was set. It
 * is remembered which one that is.
 *
 * @param refusal of MFMT, which is thrown where no command does it
 */
export async function findTimeCommand(turn: Turn, path: string, date: Date, refusal: PermanentError): Promise<Reply> {
  const { observed } = turn.session;
  if (observed.setsTimesBy === 'nothing') throw refusal;
  if (observed.setsTimesBy) return setTime(turn, path, date);
  const before = await timeOf(turn, path);
  if (before && isSameSecond(before.time, date)) return before.reply;
  let otherRefusal: ReplyError | undefined;
  const toTheEnd = { ...turn, sending: undefined }; // a wrong time must not stay where the caller gives up
  for (const way of before ? IN_PLACE_OF_MFMT : []) { // what cannot be read back is not tried
    try {
      const reply = await setTime(turn, path, date, way);
      const now = (await timeOf(toTheEnd, path))?.time;
      if (now && isSameSecond(now, date)) {
        observed.setsTimesBy = way;
        return reply;
      }
      // The server has understood another time, as that of its time zone. The file gets back the one that it had: a wrong one could hide a later change.
      if (before && now && !isSameSecond(now, before.time)) await setTime(toTheEnd, path, new Date(before.time.getTime() + date.getTime() - now.getTime()), way);
    } catch (error) {
      if (!isAnswer(error, true)) throw error;
      if (way !== 'MDTM' && !isNotImplemented(error.reply) && error.reply?.code !== 501) otherRefusal = error; // of this file
    }
  }
  if (otherRefusal) throw otherRefusal;
  observed.setsTimesBy = 'nothing';
  throw refusal;
}

/** The time of a file, by MDTM or MLST; undefined where the server has neither. @throws ReplyError where there is no such file */
async function timeOf({ session, control, sending }: Turn, path: string): Promise<{ readonly time: Date; readonly reply: Reply } | undefined> {
  for (const [verb, read] of [['MDTM', timeIn], ['MLST', (reply: Reply) => mlstEntry(reply)?.modified]] as const) {
    try {
      const reply = await control.exec(session.command(verb, path), sending);
      const time = read(reply);
      if (time) return { time, reply };
    } catch (error) {
      if (!(error instanceof PermanentError) || !isNotImplemented(error.reply)) throw error;
    }
  }
  return undefined;
}

function isSameSecond(a: Date, b: Date): boolean {
  return Math.floor(a.getTime() / 1000) === Math.floor(b.getTime() / 1000);
}

/** Checks that a file is still the same. @throws ChangedError where a known fact differs, or the server does not give it any more */
export function assertSame(path: string, before: FileFacts, now: FileFacts): void {
  if (before.size !== undefined && before.size !== now.size) throw new ChangedError(`${path} has changed: its size was ${before.size}, and is ${now.size ?? 'unknown'}`);
  if (before.modified !== undefined && before.modified.getTime() !== now.modified?.getTime()) {
    throw new ChangedError(`${path} has changed: its time was ${before.modified.toISOString()}, and is ${now.modified?.toISOString() ?? 'unknown'}`);
  }
}

/** The size in bytes in the reply to SIZE (RFC 3659, 4.1). */
export function sizeIn(reply: Reply): number | undefined {
  const text = reply.code === 213 ? reply.text.trim() : '';
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

/** The time in the reply to MDTM (RFC 3659, 3.1). */
export function timeIn(reply: Reply): Date | undefined {
  return reply.code === 213 ? parseTime(reply.text.trim()) : undefined;
}

/**
 * The entry at a path, from MLST; from CWD, SIZE and MDTM together where the server has no MLST. A server that is known to have none is not asked: after a
 * syntax error, GNU inetutils 2.4 and ftpd-ssl 0.17 answer no unknown command any more.
 *
 * @param listed `empty` where the server lists nothing at the path: some servers have MLST for files only, and CWD shows then whether there is a folder
 */
export async function lookUp(turn: Turn, mlst: Command, listed?: 'empty'): Promise<Entry> {
  const { takes } = turn.session.observed;
  if (takes.get('MLST') === false) return withoutMLST(turn, mlst.argument);
  try {
    return await ask(turn, mlst, (reply) => mlstEntry(reply, mlst.argument));
  } catch (refusal) {
    if (!(refusal instanceof ReplyError)) throw refusal;
    if (isNotImplemented(refusal.reply)) {
      takes.set('MLST', false);
      return withoutMLST(turn, mlst.argument);
    }
    if (!(refusal instanceof PermanentError)) throw refusal;
    if (listed !== 'empty' || !(await enters(turn, mlst.argument))) throw refusal;
    return { name: lastName(mlst.argument), type: 'directory', raw: '' };
  }
}

/** CWD comes first, because Twisted gives a SIZE for folders, too. */
async function withoutMLST(turn: Turn, path: string): Promise<Entry> {
  const { session, control, sending } = turn;
  const isFolder = await enters(turn, path);
  void session.switchType(control, 'I')?.catch(() => undefined);
  const [size, time] = await Promise.allSettled([control.exec(session.command('SIZE', path), sending), control.exec(session.command('MDTM', path), sending)]);
  // npm's ftpd 0.2.16 says 450 to SIZE of what is missing, and 550 to MDTM.
  if (!isFolder && size.status === 'rejected' && time.status === 'rejected') {
    const refusal: unknown = size.reason instanceof TemporaryError ? time.reason : size.reason;
    if (refusal instanceof PermanentError) refusal.message += ` (nor is ${path} a folder that can be entered: it may be missing)`;
    throw refusal;
  }
  const bytes = !isFolder && size.status === 'fulfilled' ? sizeIn(size.value) : undefined;
  const modified = time.status === 'fulfilled' ? timeIn(time.value) : undefined;
  return { name: lastName(path), type: isFolder ? 'directory' : 'file', ...(bytes === undefined ? {} : { size: bytes }), ...(modified ? { modified } : {}), raw: '' };
}

/** What the reply to a question says of a path: whether something is there, or why that is not known; undefined where it says nothing. */
type Answer = boolean | ReplyError | undefined;

/**
 * Whether there is a file or folder at the path; where the replies leave a doubt, the refusal. MLST is asked first, then SIZE and MDTM together, then
 * CWD: where one reply does not say that nothing is there, the next may. ProFTPD 1.3.8 refuses MLST with `cannot be listed`, and SIZE with `No such
 * file or directory`; Pure-FTPd 1.0.50 refuses both with `Can't check for file existence`, and says more to CWD.
 */
export async function isThere(turn: Turn, path: string): Promise<Answer> {
  const { session, control, sending } = turn;
  const { takes } = session.observed;
  const question = (verb: FactCommand): Promise<Answer> => answered(control.exec(session.command(verb, path), sending).then((reply) => SHOWS[verb](reply)), path);
  const answers: Answer[] = [];
  if (takes.get('MLST') !== false) {
    const answer = await question('MLST');
    if (typeof answer === 'object' && isNotImplemented(answer.reply)) takes.set('MLST', false);
    answers.push(answer);
  }
  if (!answers.some(isCertain)) {
    void session.switchType(control, 'I')?.catch(() => undefined); // ProFTPD and pyftpdlib refuse SIZE in TYPE A
    const questions = [question('SIZE'), question('MDTM')];
    await Promise.allSettled(questions); // the turn lasts until both are answered
    answers.push(...(await Promise.all(questions)));
  }
  if (!answers.some(isCertain)) answers.push(await isFolder(turn, path));
  if (answers.includes(true)) return true;
  return answers.find((answer) => typeof answer === 'object' && says(DENIED, answer, path)) ?? (answers.includes(false) ? false : answers.at(-1));
}

function isCertain(answer: Answer): boolean {
  return typeof answer === 'boolean';
}

/** Whether CWD enters the path. On a server that enters what is missing, as tcllib's ftpd does, that shows nothing: a folder that nobody can have made is tried once. */
export async function isFolder(turn: Turn, path: string): Promise<Answer> {
  const { session, control, sending } = turn;
  const { takes } = session.observed;
  sending?.signal?.throwIfAborted();
  try {
    const answer = await answered(session.enterFolder(control, path).then(() => true), path);
    if (answer !== true) return answer;
  } finally {
    await session.leaveFolder(control);
  }
  if (takes.get('CWD missing') === undefined) takes.set('CWD missing', !(await enters(turn, `${path.replace(/\/+$/, '')}-${randomBytes(6).toString('hex')}`)));
  return takes.get('CWD missing') || undefined;
}

/** How servers say that nothing is at a path, in English: others are not taken at their word. */
const MISSING = /no such (?:file|dir)|not? (?:be )?found|(?:does|do|did)(?:n't| not) exist|cannot find|\bENOENT\b|PATH_NOT_FOUND/i;
/** How they say that it must not be seen. */
const DENIED = /permission|denied|\bEACCES\b|\bEPERM\b/i;

/** Whether a 2yz is the answer to the question: from a server that answers out of order, it may be that to another command. */
const SHOWS: Readonly<Record<FactCommand, (reply: Reply) => boolean>> = {
  MLST: (reply) => mlstEntry(reply) !== undefined,
  SIZE: (reply) => sizeIn(reply) !== undefined,
  MDTM: (reply) => timeIn(reply) !== undefined,
};

async function answered(question: Promise<boolean>, path: string): Promise<Answer> {
  try {
    return (await question) || undefined;
  } catch (error) {
    if (!isAnswer(error, true) || Math.floor((error.reply?.code ?? 0) / 10) === 53) throw error; // 53x: the session is not logged in
    return saysMissing(error, path) ? false : error;
  }
}

/** Whether a refusal says, in words that are known, that nothing is at the path, or that the folder is missing that it is in. */
export function saysMissing(refusal: ReplyError, path: string): boolean {
  return says(MISSING, refusal, path);
}

/** Whether a refusal says so of the path, and not the path itself, which servers repeat. */
function says(words: RegExp, { reply }: ReplyError, path: string): boolean {
  return reply !== undefined && !isNotImplemented(reply) && words.test(reply.lines.join('\n')) && !words.test(path);
}

/** The folder that a path is in: empty for the working folder. */
export function folderOf(path: string): string {
  const [, root = '', folder = ''] = /^(\/*)(?:(.*?)\/+)?[^/]*\/*$/s.exec(path) ?? [];
  return folder === '' ? root.slice(0, 1) : root + folder;
}

/** Codes by which servers refuse an upload whose folder is missing: most say 550 or 553, GridFTP and tcllib's ftpd 500, npm's ftpd 426, others 450 or 451. */
const MAY_MEAN_MISSING: readonly (number | undefined)[] = [426, 450, 451, 500, 501, 550, 553];

/** Whether the refusal of an upload may mean that the folder of its file is missing. */
export function mayMeanMissingFolder({ reply }: ReplyError, folder: string): boolean {
  return folder !== '' && folder !== '/' && MAY_MEAN_MISSING.includes(reply?.code);
}

/**
 * Adds to the refusal of an upload that the folder of its file is missing, where the server says so when it is asked. vsftpd 3.0.3 says only that its
 * questions have failed: then the folder may be missing.
 */
export async function explainMissingFolder(turn: Turn, refusal: ReplyError, { argument }: Command): Promise<void> {
  const folder = folderOf(argument);
  if (!mayMeanMissingFolder(refusal, folder)) return;
  const answer = await isThere(turn, folder).catch(() => undefined);
  if (answer === false) refusal.message += ` (the folder ${folder} is missing: make it, or use parents: true)`;
  else if (typeof answer === 'object' && !says(DENIED, answer, folder)) refusal.message += ` (the folder ${folder} cannot be entered: if it is missing, make it, or use parents: true)`;
}

/** Whether CWD enters the path; the session is in the working folder again then. */
export async function enters({ session, control, sending }: Turn, path: string): Promise<boolean> {
  sending?.signal?.throwIfAborted();
  try {
    await session.enterFolder(control, path);
    return true;
  } catch (error) {
    if (error instanceof PermanentError) return false;
    throw error;
  } finally {
    await session.leaveFolder(control);
  }
}

import type { Command } from '../control/command';
import type { ControlConnection } from '../control/control-connection';
import type { Reply } from '../control/reply';
import type { Session } from '../control/session';
import { PermanentError, ReplyError } from '../errors';
import type { Entry } from '../listing/entry';
import { mlstEntry } from '../listing/mlst';
import { parseTime } from '../listing/time';

/** What the server knows of a path: MLST, or what SIZE, MDTM and CWD tell together. */
export async function lookUp(session: Session, control: ControlConnection, mlst: Command): Promise<Entry> {
  try {
    const reply = await control.exec(mlst);
    const entry = mlstEntry(reply);
    if (!entry) throw new ReplyError(`${mlst.shown}: ${reply}`, { reply, command: mlst.shown });
    return entry;
  } catch (error) {
    if (!(error instanceof PermanentError) || ![500, 502, 504].includes(error.reply?.code ?? 0)) throw error;
    return withoutMLST(session, control, mlst.argument);
  }
}

/** 450 in place of a listing is how some servers say that a folder is empty, and others that it is missing: what the path is has to be asked. */
export function saysEmpty({ reply }: ReplyError): boolean {
  return reply?.code === 450;
}

/** What the server knows of a path that it lists as empty. Some servers have an MLST for files only: then CWD says whether there is a folder. */
export async function lookUpEmpty(session: Session, control: ControlConnection, mlst: Command): Promise<Entry> {
  try {
    return await lookUp(session, control, mlst);
  } catch (refusal) {
    if (!(refusal instanceof PermanentError) || refusal.command !== mlst.shown || !(await enters(session, control, mlst.argument))) throw refusal;
    return { name: nameIn(mlst.argument), type: 'directory', raw: '' };
  }
}

/** The folder is asked first: Twisted has a SIZE for folders too. */
async function withoutMLST(session: Session, control: ControlConnection, path: string): Promise<Entry> {
  const name = nameIn(path);
  const isFolder = await enters(session, control, path);
  void session.switchType(control, 'I')?.catch(() => undefined);
  const [size, time] = await Promise.allSettled([control.exec(session.command('SIZE', path)), control.exec(session.command('MDTM', path))]);
  if (!isFolder && size.status === 'rejected' && time.status === 'rejected') throw size.reason;
  const bytes = isFolder ? undefined : sizeIn(size);
  const modified = timeIn(time);
  return { name, type: isFolder ? 'directory' : 'file', ...(bytes === undefined ? {} : { size: bytes }), ...(modified ? { modified } : {}), raw: '' };
}

function nameIn(path: string): string {
  return /[^/]+(?=\/*$)/.exec(path)?.[0] ?? path;
}

async function enters(session: Session, control: ControlConnection, path: string): Promise<boolean> {
  try {
    await session.visit(control, path);
    return true;
  } catch (error) {
    if (error instanceof PermanentError) return false;
    throw error;
  } finally {
    await session.comeBack(control);
  }
}

function sizeIn(answer: PromiseSettledResult<Reply>): number | undefined {
  const text = answer.status === 'fulfilled' && answer.value.code === 213 ? answer.value.text.trim() : '';
  return /^\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

function timeIn(answer: PromiseSettledResult<Reply>): Date | undefined {
  return answer.status === 'fulfilled' && answer.value.code === 213 ? parseTime(answer.value.text.trim()) : undefined;
}

import { posix } from 'node:path';
import { Refusal } from '../refusal';
import type { Item } from '../listing';
import { itemsIn, linesOf } from '../listing';
import type { Session } from '../session';
import { download } from '../transfer';
import type { Verb } from './verbs';

/** The folder of the tree in which data sets lie, each as a file, and those that have members as a folder. */
const DATA_SETS = '/mvs';
/** What the library of the beginning is called where names are paths. */
const LIBRARY = '/QSYS.LIB/QGPL.LIB';

/** Where a session begins: with the user's prefix of data sets, or in a library. */
export function firstFolder(paths: 'data sets' | 'libraries'): string {
  return paths === 'data sets' ? "'USER.'" : 'QGPL';
}

/** Where in the tree is what a path means, or the name of a data set: `'USER.TEXT'`, `'USER.PDS(MEMBER)'`, and both without the prefix and the quotes. */
export function mainframePath(cwd: string, argument: string): string {
  if (argument.startsWith('/') || cwd.startsWith('/')) return posix.resolve(cwd, argument);
  if (!cwd.startsWith("'")) throw new Refusal('501 Unable to use a path with this name format.');
  return dataSetPath(dataSetName(cwd, argument));
}

/** What verbs do where a path is another thing than on Unix; nothing elsewhere. */
export function mainframeVerbs({ server, cwd }: Session): Readonly<Record<string, Verb>> {
  const { paths } = server.deviations;
  if (paths === undefined) return {};
  if (cwd.startsWith('/')) return paths === 'libraries' ? { SITE: site } : { CWD: change, PWD: workingDirectory };
  return paths === 'libraries' ? { SITE: site, PWD: library } : { CWD: change, CDUP: (session) => change(session, '..'), PWD: workingDirectory, LIST: list(true), NLST: list(false) };
}

/** With the prefix that is the working directory; in a partitioned data set it is the name of a member. */
function dataSetName(cwd: string, argument: string): string {
  const quoted = /^'(.*?)'?$/.exec(argument)?.[1];
  const prefix = cwd.slice(1, -1);
  const name = quoted ?? (prefix === '' || prefix.endsWith('.') ? prefix + argument : `${prefix}(${argument})`);
  return name.toUpperCase();
}

function dataSetPath(name: string): string {
  const [, dataSet = name.replace(/\.$/, ''), member] = /^(.*)\((.*)\)$/.exec(name) ?? [];
  return posix.join(DATA_SETS, dataSet, member ?? '');
}

function change(session: Session, argument: string): void {
  const { files } = session.server;
  if (argument.startsWith('/') || (session.cwd.startsWith('/') && !argument.startsWith("'"))) {
    const path = posix.resolve(session.cwd, argument);
    session.cwd = files.directory(path).path;
    return session.reply(`250 HFS directory ${path} is the current working directory`);
  }
  const here = session.cwd.slice(1, -1);
  const prefix = here === '' || here.endsWith('.') ? here : `${here}.`;
  const name = argument === '..' ? here.replace(/[^.]*\.?$/, '') : dataSetName(`'${prefix}'`, argument).replace(/\.$/, '');
  const isPartitioned = files.get(posix.join(DATA_SETS, name))?.kind === 'directory' && name !== '';
  session.cwd = isPartitioned || name === '' || name.endsWith('.') ? `'${name}'` : `'${name}.'`;
  session.reply(isPartitioned ? `250 The working directory "${name}" is a partitioned data set` : `250 "${session.cwd.slice(1, -1)}" is the working directory name prefix.`);
}

function workingDirectory(session: Session): void {
  if (session.cwd.startsWith('/')) return session.reply(`257 "${session.cwd}" is the HFS working directory.`);
  const isPrefix = session.cwd.endsWith(".'") || session.cwd === "''";
  session.reply(`257 "${session.cwd}" ${isPrefix ? 'is working directory.' : 'partitioned data set is working directory.'}`);
}

function library(session: Session): void {
  session.reply(`257 "${session.cwd}" is current library.`);
}

/** NAMEFMT 1: names are paths; LISTFMT 1: LIST is as that of Unix. */
function site(session: Session, argument: string): void {
  const [, name, value] = /^(NAMEFMT|LISTFMT)(?: ([01]))?$/i.exec(argument) ?? [];
  if (name === undefined) throw new Refusal('500 Subcommand SITE not valid.');
  if (name.toUpperCase() === 'LISTFMT') {
    if (value !== undefined) session.lines = value === '1' ? undefined : 'os400';
    return session.reply(`250 Now using list format "${session.lines === undefined ? 1 : 0}".`);
  }
  if (value !== undefined) session.cwd = value === '1' ? LIBRARY : firstFolder('libraries');
  session.reply(`250 Now using naming format "${session.cwd.startsWith('/') ? 1 : 0}".`);
}

function list(isLong: boolean): Verb {
  return (session, argument) => {
    const { files } = session.server;
    const name = argument === '' ? session.cwd.slice(1, -1) : dataSetName(session.cwd, argument);
    const path = posix.join(DATA_SETS, name);
    const isPartitioned = name !== '' && files.get(path)?.kind === 'directory';
    const prefix = name.replace(/\*.*$/, '');
    const items = isPartitioned ? [...itemsIn(files, path)] : [...itemsIn(files, DATA_SETS)].filter((item) => item.name.startsWith(prefix));
    if (items.length === 0) throw new Refusal(isPartitioned ? '550 No members found.' : '550 No data sets found.');
    const shown = argument === '' && !isPartitioned ? items.map((item) => ({ ...item, name: item.name.slice(prefix.length) })) : items;
    const lines = isLong ? [isPartitioned ? MEMBERS : VOLUMES, ...shown.map(isPartitioned ? memberLine : dataSetLine)] : shown.map((item) => item.name);
    return download(session, '125 List started OK', linesOf(lines, (line) => line, session.server.encoding), '250 List completed successfully.');
  };
}

const VOLUMES = 'Volume Unit    Referred Ext Used Recfm Lrecl BlkSz Dsorg Dsname';
const MEMBERS = ' Name     VV.MM   Created       Changed      Size  Init   Mod   Id';

function dataSetLine({ name, kind, modified }: Item): string {
  return `WRK001 3390   ${slashed(modified)}  1    1  FB      80  8000  ${kind === 'directory' ? 'PO' : 'PS'}  ${name}`;
}

function memberLine({ name, modified }: Item): string {
  const day = slashed(modified);
  return ` ${name.padEnd(8)}  01.00 ${day} ${day} ${modified.toISOString().slice(11, 16)}    11    11     0 USER`;
}

function slashed(date: Date): string {
  return date.toISOString().slice(0, 10).replaceAll('-', '/');
}

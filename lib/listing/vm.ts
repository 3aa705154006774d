import type { Draft } from './entry';
import type { ListFormat } from './format';

/** Name, type, for a minidisk its mode, record format, record length, records, blocks, date, time, owner. */
const FILE = /^([^ \t]{1,8}|[^ \t]{1,255})[ \t]+([^ \t]{1,8})[ \t]+(?:[A-Z]\d?[ \t]+)?[FV][ \t]+\d+[ \t]+\d+[ \t]+\d+[ \t]+/;
const FOLDER = /^([^ \t]{1,255})[ \t]+DIR[ \t]+-[ \t]+-[ \t]+-[ \t]+/;
const REST = /^(\d{4})-(\d\d)-(\d\d)[ \t]+(\d{1,2}):(\d\d):(\d\d)(?:[ \t]+([^ \t]{1,32}))?[ \t]*$/;
const LONGEST = 512;

/**
 * z/VM: `WELCOME  README   V  82  21  1 1999-12-27 16:19:04 -`; RETR takes the name and its type with a dot between. There
 * is no size: records of format V are shorter than the length that is printed, and F ones are padded.
 */
export const vm: ListFormat = {
  name: 'vm',
  parse(line, { calendar }) {
    if (line.length > LONGEST) return undefined;
    const folder = FOLDER.exec(line);
    const match = folder ?? FILE.exec(line);
    const rest = match === null ? null : REST.exec(line.slice(match[0].length));
    if (match === null || rest === null) return undefined;
    const [, year, month, day, hour, minute, second, owner = '-'] = rest;
    const time = calendar.local(Number(year), Number(month), Number(day), Number(hour), Number(minute), Number(second));
    if (Number.isNaN(time)) return undefined;
    const [, name = '', type = ''] = match;
    const entry: Draft = { name: folder ? name : `${name}.${type}`, type: folder ? 'directory' : 'file', raw: line };
    entry.modified = new Date(time);
    if (owner !== '-') entry.owner = owner;
    return entry;
  },
};

// The formats that have their columns in one order: each is a pattern of a line.

import { type Draft, setSize } from '../entry';
import type { ListFormat, ListFormatName } from '../format';

/** What stands for each column in the pattern of a format. */
const COLUMNS: Readonly<Record<string, string>> = {
  name: '[^ \\t]{1,255}', type: '[^ \\t]{1,8}', owner: '[^ \\t]{1,32}', folder: 'DIR', tag: '<DIR>', size: '\\d{1,30}',
  year: '\\d{4}|\\d\\d', month: '\\d{1,2}|[A-Za-z]{3}', day: '\\d{1,2}', hour: '\\d{1,2}', minute: '\\d\\d', second: '\\d\\d',
};

/**
 * A format whose lines have at most `longest` characters and match one of the patterns. In a pattern, ` ` stands for blanks, `~` for blanks or nothing,
 * `<size>` for the column of that name, and `<rest>` for a name that may hold blanks; a column may be spelled out, `(?<year>\d\d)`. `folder` and `tag` are
 * there for a folder only, `type` is the rest of the name after a dot, and `header` shows a line that is no entry.
 */
export function patterned(format: ListFormatName, longest: number, ...patterns: readonly RegExp[]): ListFormat {
  const compiled = patterns.map(({ source }) => {
    const columns = source.replace(/~/g, '[\\t\\x20]*').replace(/ /g, '[\\t\\x20]+').replace('<rest>', '(?<name>[^ \\t].*?)');
    return new RegExp(`^${columns.replace(/(?<!\(\?)<(\w+)>/g, (_, name: string) => `(?<${name}>${COLUMNS[name] ?? ''})`)}$`, 's');
  });
  return {
    name: format,
    parse(line, { calendar }) {
      const groups = line.length > longest ? undefined : compiled.map((pattern) => pattern.exec(line)?.groups).find(Boolean);
      if (groups === undefined) return undefined;
      const { header, name = '', type, folder, tag = folder, size, year, month, day, hour, minute, second, owner, group, permissions } = groups;
      if (header !== undefined) return 'header';
      const time = calendar.read(year, month, day, hour, minute, second);
      if (Number.isNaN(time)) return undefined;
      const entry: Draft = { name: type === undefined ? name : `${name}.${type}`, type: tag === undefined ? 'file' : 'directory', raw: line };
      if (size !== undefined) setSize(entry, Number(size), size);
      entry.modified = new Date(time);
      if (permissions !== undefined) entry.permissions = permissions;
      if (owner !== undefined) entry.owner = owner;
      if (group !== undefined) entry.group = group;
      return entry;
    },
  };
}

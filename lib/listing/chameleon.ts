import { fullYear } from './calendar';
import { setSize, type Draft } from './entry';
import type { ListFormat } from './format';
import { monthAt } from './months';

const LINE =
  /^(\S{1,255})[ \t]+(?:<(DIR)>|(\d{1,30}))[ \t]+(?:([A-Za-z]{3}) (\d{1,2}) (\d{4})|(\d{1,2})([-/])(\d{1,2})\8(\d{2,4}))[ \t]+(\d{1,2}):(\d\d)(?:[ \t]+[RHSA]{1,4})?[ \t]*$/;

/** SuperTCP and NetManage Chameleon: the name of MS-DOS comes first: `README.TXT  1045  May 10 1995 11:01  RA`. */
export const chameleon: ListFormat = {
  name: 'chameleon',
  parse(line, { calendar }) {
    if (line.length > LONGEST) return undefined;
    const match = LINE.exec(line);
    if (match === null) return undefined;
    const [, name = '', tag, size, word, wordDay, wordYear, number, , numberDay, numberYear = '', hour, minute] = match;
    const time =
      word !== undefined
        ? calendar.local(Number(wordYear), monthAt(word, 0, word.length), Number(wordDay), Number(hour), Number(minute))
        : calendar.local(fullYear(Number(numberYear), numberYear.length), Number(number), Number(numberDay), Number(hour), Number(minute));
    if (Number.isNaN(time)) return undefined;
    const entry: Draft = { name, type: tag === undefined ? 'file' : 'directory', raw: line };
    if (size !== undefined) setSize(entry, Number(size), size);
    entry.modified = new Date(time);
    return entry;
  },
};
const LONGEST = 512;

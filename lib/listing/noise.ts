import { isBlank } from './words';

/** The word for the sum of blocks that `ls` prints first, where the server's language is not English. */
const TOTAL = new Set(
  'total totale totaal totalt totali gesamt insgesamt summe summa yhteensä razem celkem celkom összesen toplam итого всего усього σύνολο ukupno skupaj samtals 合計 总用量 总计 總計 總用量 합계'.split(' '),
);
const SUM = /^[ \t]*(\S{2,12}?):?[ \t]*\d[\d.,]{0,24}[KMGTP]?(?:[ \t]+\S{1,12})?[ \t]*$/;
const LONGEST = 80;

/** A line that every format may hold and that tells nothing of a file: no characters, or a sum such as `total 14`. */
export function isNoise(line: string): boolean {
  const first = line.charCodeAt(0);
  if (Number.isNaN(first)) return true;
  if (line.length > LONGEST || !(isBlank(first) || first === 0 || isLetter(first))) return isEmpty(line);
  const word = SUM.exec(line)?.[1];
  return (word !== undefined && TOTAL.has(word.toLowerCase())) || isEmpty(line);
}

function isLetter(code: number): boolean {
  return (code | 0x20) >= 0x61;
}

function isEmpty(line: string): boolean {
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (!isBlank(code) && code !== 0 && code !== 0x0d) return false;
  }
  return true;
}

/**
 * A line around entries which is none: `213-Status follows:` and `213 End of status` in a reply to STAT, and the folders'
 * names of `ls -R`. A name could look like that, so no format must know the line.
 */
export function isFraming(line: string): boolean {
  return /^2\d\d[ -][A-Za-z]/.test(line) || (line.endsWith(':') && /^[./]/.test(line));
}

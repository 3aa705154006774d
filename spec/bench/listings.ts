import { listName } from './servers/content';

/** Formats that regular listings are made of here; the others come from the fixtures. */
export type MadeFormat = 'unix' | 'mlsd' | 'dos';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A listing of `count` entries as servers print it. */
export function listingOf(format: MadeFormat, count: number): string {
  return Array.from({ length: count }, (_, n) => LINES[format](n)).join('');
}

const LINES: Readonly<Record<MadeFormat, (n: number) => string>> = {
  unix: (n) => `${n % 10 === 0 ? 'd' : '-'}rw-r--r--    1 1000     1000     ${String((n * 7919) % 10_000_000).padStart(8)} ${MONTHS[n % 12]} ${two((n % 28) + 1)} ${n % 3 === 0 ? ' 2019' : `${two(n % 24)}:${two(n % 60)}`} ${listName(n)}\r\n`,
  mlsd: (n) => `type=${n % 10 === 0 ? 'dir' : 'file'};size=${(n * 7919) % 10_000_000};modify=2019${two((n % 12) + 1)}${two((n % 28) + 1)}${two(n % 24)}${two(n % 60)}00;perm=adfrw;unique=801g${n.toString(16)};UNIX.mode=0644; ${listName(n)}\r\n`,
  dos: (n) => `${two((n % 12) + 1)}-${two((n % 28) + 1)}-19  ${two((n % 12) + 1)}:${two(n % 60)}${n % 2 === 0 ? 'AM' : 'PM'} ${n % 10 === 0 ? '      <DIR>         ' : String((n * 7919) % 10_000_000).padStart(20)} ${listName(n)}\r\n`,
};

function two(number: number): string {
  return String(number).padStart(2, '0');
}

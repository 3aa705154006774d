/**
 * The months as `ls` abbreviates them where LC_TIME is not C, and longer forms that servers were seen to print, January
 * first. A word that means different months in two languages is left out, except where one of them lists files far more
 * often: `lis` is Polish and Czech for November, `jui` is how VMS cuts the French juillet.
 */
const MONTHS = [
  'jan january janv janvier ene enero gen gennaio januar januari tammi sty led oca ian jän janeiro янв января січ яну ιαν jaan sau urt xan',
  'feb february fév févr février febr febbraio fev fevereiro februar februari helmi lut úno şub фев февр февраля лют φεβ veebr vas ots',
  'mar march mars märz mär mrz marzo mrt març março maart maalis márc bře мар марта бер μαρ μάρ märts kov',
  'apr april avr avril abr aprile abril huhti ápr kwi dub nis апр апреля кві квіт απρ bal api',
  'may mai maj maggio mag mei mayo maio maig touko máj kvě май мая тра трав μαϊ μάι maí geg',
  'jun june juin giu giugno junio juni junho juny kesä jún cze čen haz июн июня юни чер черв ιουν ιούν juuni iun bir eka',
  'jul july juil juillet lug luglio julio juli julho jui heinä júl lip čec tem июл июля юли лип ιουλ ιούλ juuli iul lie uzt',
  'aug august août aoû aout ago agosto agu ağu ágú elo aúg sie srp авг августа сер серп αυγ αύγ rgp abu',
  'sep sept september septembre set settembre sett septiembre setembro syys szept wrz zář eyl сен сент сентября вер σεπ rgs ira',
  'oct october octobre ott ottobre octubre okt oktober out outubro loka paź říj eki окт октября жов жовт οκτ spa urr',
  'nov november novembre noviembre novembro marras kas lis ноя ноября нояб ное лис νοε νοέ noi lap aza',
  'dec december déc décembre dic dicembre diciembre dez dezember dezembro des desember joulu gru pro ara дек декабря гру груд δεκ grd abe',
];

const words = new Map<string, number>();
MONTHS.forEach((names, index) => {
  for (const name of names.split(' ')) {
    for (const form of formsOf(name)) if (!words.has(form)) words.set(form, index + 1);
  }
});

/** Three ASCII letters as one number: a look-up that makes no string, because it runs for every line. */
const english = new Map<number, number>();
['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'].forEach((name, index) => {
  english.set(keyOf(name, 0), index + 1);
});

const LONGEST = 16;
const DOT = 0x2e;
const COMMA = 0x2c;

/** The month, 1 to 12, that stands in `line` from `start` to `end`; 0 for any other word. A dot or comma behind it is no part of it. */
export function monthAt(line: string, start: number, end: number): number {
  let last = end;
  while (last > start && (line.charCodeAt(last - 1) === DOT || line.charCodeAt(last - 1) === COMMA)) last--;
  if (last - start === 3) {
    const month = english.get(keyOf(line, start));
    if (month !== undefined) return month;
  }
  return last > start && last - start <= LONGEST ? (words.get(line.slice(start, last).toLowerCase()) ?? 0) : 0;
}

function keyOf(text: string, at: number): number {
  const a = text.charCodeAt(at);
  const b = text.charCodeAt(at + 1);
  const c = text.charCodeAt(at + 2);
  return a > 0x7f || b > 0x7f || c > 0x7f ? 0 : ((a | 0x20) << 16) | ((b | 0x20) << 8) | (c | 0x20);
}

/** The word, and what it looks like when its UTF-8 bytes are read as latin1 or its latin1 bytes as UTF-8. */
function formsOf(name: string): string[] {
  const utf8AsLatin1 = Buffer.from(name, 'utf8').toString('latin1').toLowerCase();
  const latin1AsUtf8 = Buffer.from(name, 'latin1');
  const isLatin1 = latin1AsUtf8.toString('latin1') === name;
  return isLatin1 ? [name, utf8AsLatin1, latin1AsUtf8.toString('utf8')] : [name, utf8AsLatin1];
}

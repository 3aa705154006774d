const LETTERS = 'rwxrwxrwx';

/** The modes that came before: a listing has few, and they are in every line of MLSD. */
const known = new Map<string, string>();
const MOST = 512;

/** The nine letters of `ls` for an octal mode such as `0755` or `100644`; undefined where it is no octal number. */
export function lettersOf(mode: string): string | undefined {
  let letters = known.get(mode);
  if (letters !== undefined) return letters;
  if (!/^[0-7]{1,7}$/.test(mode)) return undefined;
  letters = spell(Number.parseInt(mode, 8));
  if (known.size < MOST) known.set(mode, letters);
  return letters;
}

function spell(bits: number): string {
  let letters = '';
  for (let i = 0; i < 9; i++) letters += bits & (0o400 >> i) ? LETTERS[i] : '-';
  if (bits & 0o4000) letters = special(letters, 2, 's');
  if (bits & 0o2000) letters = special(letters, 5, 's');
  if (bits & 0o1000) letters = special(letters, 8, 't');
  return letters;
}

function special(letters: string, at: number, letter: string): string {
  const shown = letters[at] === 'x' ? letter : letter.toUpperCase();
  return letters.slice(0, at) + shown + letters.slice(at + 1);
}

import { ArgumentError } from '../errors';

const LONGEST_NAME = 255;

/** The name that a file has until it is complete. Hidden where a dot hides; one that is too long for more is cut, because file systems end at 255 bytes. */
export function partName(name: string): string {
  const part = `.${name}.part`;
  if (Buffer.byteLength(part) <= LONGEST_NAME) return part;
  let kept = name.slice(0, LONGEST_NAME - 16);
  while (Buffer.byteLength(kept) > LONGEST_NAME - 16) kept = kept.slice(0, -1);
  return `.${kept}.${checksum(name)}.part`;
}

/** Characters of a file's own name in a name of ours, so that the longest ones stay within the 255 bytes of most systems. */
const KEPT = 60;

/** Another name in the folder of a path, made of the beginning of its name. */
export function besides(path: string, make: (name: string) => string): string {
  const at = path.lastIndexOf('/') + 1;
  return path.slice(0, at) + make([...path.slice(at)].slice(0, KEPT).join(''));
}

/** What a caller's function made of the name. @throws ArgumentError for one that leaves the folder, or is the file's own */
export function checkedPart(part: unknown, name: string): string {
  // A backslash is a letter where the name itself has one.
  const path = name.includes('\\') ? /[/\0]/ : /[/\\\0]/;
  if (typeof part !== 'string' || part === '' || part === '.' || part === '..' || part === name || path.test(part)) {
    throw new ArgumentError(`temporaryName must make another name in the same folder, not ${JSON.stringify(part)}`);
  }
  return part;
}

/** Names that begin alike have parts of their own. */
function checksum(name: string): string {
  let sum = 5381;
  for (let i = 0; i < name.length; i++) sum = (Math.imul(sum, 33) + name.charCodeAt(i)) >>> 0;
  return sum.toString(36);
}

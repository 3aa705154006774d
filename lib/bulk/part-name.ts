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

/** What a caller's function made of the name. @throws ArgumentError for one that leaves the folder, or is the file's own */
export function checkedPart(part: unknown, name: string): string {
  if (typeof part !== 'string' || part === '' || part === '.' || part === '..' || part === name || /[/\\\0]/.test(part)) {
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

import { SecurityError } from '../errors';

/** What a system takes for a device, with any extension (Windows, "Naming Files, Paths, and Namespaces"). */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(?=$|[ .:])/i;

/**
 * Checks that a name from a server is nothing but a name in a local folder.
 *
 * @param rules `portable`: on every system; `native`: on `platform`
 * @throws SecurityError
 */
export function checkLocalName(name: string, rules: 'portable' | 'native', platform: NodeJS.Platform = process.platform): void {
  const reason = universal(name) ?? (rules === 'portable' || platform === 'win32' ? portable(name) : undefined) ?? (platform === 'win32' ? windows(name) : undefined);
  if (reason !== undefined) throw new SecurityError(`the name ${JSON.stringify(name.slice(0, 200))} ${reason}: nothing is written`);
}

function universal(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return 'is no name of a file';
  if (name.includes('/')) return 'is a path';
  return name.includes('\0') ? 'has a NUL in it' : undefined;
}

function portable(name: string): string | undefined {
  if (name.includes('\\')) return 'is a path on Windows';
  if (/^[a-z]:/i.test(name)) return 'begins with a drive letter';
  if (DEVICE.test(name)) return 'is a device on Windows';
  return /[. ]$/.test(name) ? 'is another name on Windows, without the dot or blank at its end' : undefined;
}

/** What Windows does not take, and the colon, behind which it sees a stream of the file. */
function windows(name: string): string | undefined {
  return /[<>:"|?*\x00-\x1f]/.test(name) ? 'has a character that has another meaning here' : undefined;
}

/**
 * What names have in common that a file system may take for the same one: case does not count on Windows and macOS, the Unicode form not on
 * macOS, dots and blanks at the end not on Windows.
 */
export function folded(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC').replace(/[. ]+$/, '');
}

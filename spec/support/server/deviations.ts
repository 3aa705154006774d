/** Where a server departs from the RFCs, and from what most servers do. Whatever is not said here, it does as they do; the parts of the server read what concerns them. */
export interface Deviations {
  /**
   * Which commands of one packet (in TLS, one record) have a turn: only the first, only the last, or all of them, the last one first. `none`: the
   * connection is reset. `fused`: the packet is one command, which is not known.
   */
  readonly packets?: 'first' | 'last' | 'backwards' | 'none' | 'fused';
  /** What becomes of the connection when a command comes before the final reply to the one before, ABOR excepted. */
  readonly overlap?: 'reset';
  /**
   * What becomes of a command that comes before the final reply of a transfer, which is late then: it is refused with 503; or it is answered at once
   * if it is EPSV or PASV; or it is dropped; or the connection is closed, before the transfer's final reply.
   */
  readonly duringTransfer?: 'refused' | 'passive at once' | 'dropped' | 'closed';
  /** The final reply of a transfer, in place of 226. */
  readonly completion?: '200 Ok.' | '250 Ok.';
  /** Which names mean the same file, and how a new one is stored. */
  readonly names?: Naming;
  /** Verbs that it does not know; `SITE CHMOD` is one of them. */
  readonly lacks?: readonly string[];
  /** RNTO is refused where something has that name. */
  readonly renames?: 'never over';
  /** LIST, NLST and MLSD list the working folder, whatever they are asked for; or LIST and MLSD give the names with the path that was asked for. */
  readonly listings?: 'ignore the path' | 'repeat the path';
  /** How LIST prints an entry, other than `ls -l` does. */
  readonly lines?: ListLines;
  /** What LIST, NLST and MLSD are answered for an empty folder, in place of a listing. */
  readonly emptyFolder?: '550 No files found.' | '450 No files found.';
  /** What LIST, NLST and MLSD make of a folder that is not there: an empty one. */
  readonly missingFolder?: 'empty';
  /**
   * What becomes of the offset of REST. `until the next`: it holds for every transfer until the next REST. `until done`: it outlives a transfer
   * that was refused or aborted. `ignored`: all transfers begin at byte 0. `truncates`: STOR cuts the file to nothing and goes to the offset, so that
   * the bytes before it are zeros.
   */
  readonly restart?: 'until the next' | 'until done' | 'ignored' | 'truncates';
  /** The mark of a download does not say how many bytes there are; `125`: each mark is a 125, and says nothing. */
  readonly mark?: 'without size' | '125';
  /** A transfer that broke is told as complete as well, after a moment, in which the next command may have come. */
  readonly brokenTransfer?: 'completed as well';
  /** An upload whose connection was reset leaves nothing of what came, and the old file as it was. */
  readonly brokenUpload?: 'undone';
  /**
   * What it says in place of its usual words: by verb and code (`RETR 226`; `GREETING 220`), or by code alone. `$quoted` is what the usual words have
   * in quotes, `$argument` that of the command, `$lines` what is between the first and the last line.
   */
  readonly wording?: Readonly<Record<string, string>>;
  /** How the lines of its replies end. */
  readonly lineEnds?: '\n';
  /** How many clients it serves at once: another one is refused with 421. */
  readonly clients?: 'one';
  /** What becomes of QUIT. */
  readonly quit?: 'closes without a reply';
  /** What becomes of ABOR during a transfer: it is read after the transfer, or the control connection is reset. */
  readonly abort?: 'after the transfer' | 'resets';
  /** What TYPE changes: nothing, for bytes are always sent as they are. */
  readonly types?: 'bytes only';
  /** Characters that no name of a file has. */
  readonly forbids?: RegExp;
  /** What a path is to it, at first: the name of a data set (z/OS), or a library and a file (IBM i). */
  readonly paths?: 'data sets' | 'libraries';
}

export type ListLines = 'dos' | 'unix by IIS' | 'os400' | 'vxworks';

/** What a server says in place of its usual words. */
export function worded(text: string, verb: string, argument: string, wording: Deviations['wording']): string {
  const code = text.slice(0, 3);
  const words = wording?.[`${verb} ${code}`] ?? wording?.[code];
  if (words === undefined) return text;
  const parts: Readonly<Record<string, string>> = {
    quoted: /"(.*)"/s.exec(text)?.[1] ?? '',
    lines: text.split('\r\n').slice(1, -1).join('\r\n'),
    argument,
    verb,
  };
  return words.replace(/\$(quoted|lines|argument|verb)/g, (whole, part: string) => parts[part] ?? whole);
}

/** How names are compared and stored; a path of several names has one after the other. */
export type Naming = 'caseless' | 'NFD' | 'without trailing dots';

/** What is equal for names that mean the same file. */
export function folded(path: string, naming: Naming | undefined): string {
  return naming === 'caseless' ? path.toLowerCase() : spelled(path, naming);
}

/** How a name that is new is stored. */
export function spelled(path: string, naming: Naming | undefined): string {
  if (naming === 'NFD') return path.normalize('NFD');
  if (naming === 'without trailing dots') return path.replace(/(?<=[^/.])\.+(?=\/|$)/g, '');
  return path;
}

/** The commands of one packet that have a turn, in its order. */
export function answered<T>(commands: readonly T[], packets: Deviations['packets']): readonly T[] {
  if (packets === 'first') return commands.slice(0, 1);
  if (packets === 'last') return commands.slice(-1);
  if (commands.length > 1 && (packets === 'none' || packets === 'fused')) return [];
  return packets === 'backwards' ? commands.toReversed() : commands;
}

/** The class of a reply by the first digit of its code, 1 to 5 in this order (RFC 959, 4.2.1). */
export type ReplyKind = 'preliminary' | 'completion' | 'intermediate' | 'transient' | 'permanent';

const KINDS: readonly ReplyKind[] = ['preliminary', 'completion', 'intermediate', 'transient', 'permanent'];

/** One complete reply of the server, of one line or of several (RFC 959, 4.2). */
export class Reply {
  /** The class of the reply: `completion` for 2xx, and so on. */
  readonly kind: ReplyKind;

  constructor(
    /** The three digits as a number, 100 to 599. */
    readonly code: number,
    /** The lines as the server sent them, with their codes and without their line ends. */
    readonly lines: readonly string[],
  ) {
    this.kind = KINDS[Math.floor(code / 100) - 1] as ReplyKind;
  }

  /** The text without the codes; its lines are joined by `\n`. */
  get text(): string {
    const code = String(this.code);
    return this.lines.map((line) => (line.startsWith(code) && /^[ -]?$/.test(line.charAt(3)) ? line.slice(4) : line)).join('\n');
  }

  /** The reply as Python's ftplib returns it: all lines with their codes, joined by `\n`. */
  toString(): string {
    return this.lines.join('\n');
  }
}

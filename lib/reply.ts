/** The class of a reply, from the first digit of its code (RFC 959, 4.2.1). */
export type ReplyKind = 'preliminary' | 'completion' | 'intermediate' | 'transient' | 'permanent';

const KINDS: readonly ReplyKind[] = ['preliminary', 'completion', 'intermediate', 'transient', 'permanent'];

/** One complete reply of the server (RFC 959, 4.2). */
export class Reply {
  /**
   * @param code three digits, 100 to 599
   * @param lines the lines as received, codes included, line ends removed
   */
  constructor(
    readonly code: number,
    readonly lines: readonly string[],
  ) {}

  /** What the first digit says. */
  get kind(): ReplyKind {
    return KINDS[Math.floor(this.code / 100) - 1] as ReplyKind;
  }

  /** The words without the codes, lines joined by `\n`. */
  get text(): string {
    const code = String(this.code);
    return this.lines.map((line) => (line.startsWith(code) && /^[ -]?$/.test(line.charAt(3)) ? line.slice(4) : line)).join('\n');
  }

  /** The reply as ftplib returns it: the lines joined by `\n`, codes included. */
  toString(): string {
    return this.lines.join('\n');
  }
}

/** What `waitFor` waits for: a verb, a whole line, or what a function says. */
export type Awaited = string | ((line: string) => boolean);

/** The commands that were received, in the order of their arrival, and who waits for the next. */
export class Transcript {
  /** Decoded, without CRLF. */
  readonly commands: string[] = [];
  /** As they came, without CRLF. */
  readonly commandBytes: Buffer[] = [];
  #waiting: { readonly since: number; readonly matches: (line: string) => boolean; readonly resolve: (line: string) => void }[] = [];

  add(line: string, bytes: Buffer): void {
    this.commands.push(line);
    this.commandBytes.push(Buffer.alloc(bytes.length, bytes)); // memory of its own: a part of a larger Buffer would keep all of that
    const woken = this.#waiting.filter(({ since, matches }) => this.commands.length > since && matches(line));
    this.#waiting = this.#waiting.filter((waiting) => !woken.includes(waiting));
    for (const { resolve } of woken) resolve(line);
  }

  /** The first such command from number `since` on, counted from 0, also when it was received before. */
  waitFor(what: Awaited, since: number): Promise<string> {
    const matches = typeof what === 'function' ? what : (line: string) => line === what || line.split(' ', 1)[0]?.toUpperCase() === what;
    const seen = this.commands.slice(since).find(matches);
    if (seen !== undefined) return Promise.resolve(seen);
    return new Promise((resolve) => this.#waiting.push({ since, matches, resolve }));
  }
}

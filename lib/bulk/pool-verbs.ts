import { PoolTurns } from './pool-turns';
import { FTP } from '../ftp';
import type { FTPOptions } from '../options';

/** The verbs of a client, which take their turns on a pool's connections: its own session has the options and is never connected. */
export class PoolVerbs extends FTP {
  readonly #turns: PoolTurns;

  constructor(options: FTPOptions, connections: number) {
    super(options);
    this.#turns = new PoolTurns(this.session, connections);
  }

  override get queue(): PoolTurns {
    return this.#turns;
  }
}

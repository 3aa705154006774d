import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Scale } from '../files';
import type { Scene, Where } from '../job';
import { canDelayPackets, startBehindLink } from '../link/delayed-link';
import { startRelay } from '../link/delaying-relay';
import type { Place } from '../work';
import { emptyIncoming, fill, type Content } from './content';
import { startEmbedded } from './embedded';
import type { Running } from './running';
import { canRunVsftpd, configureVsftpd, startVsftpd } from './vsftpd';

/** How a stage is set up. */
export interface StageOptions {
  /** Where the files of the servers and of the clients go. */
  readonly folder: string;
  readonly scale: Scale;
  /** No delayed packets but a relay that delays bytes. */
  readonly relay: boolean;
}

/** Everything that jobs need around them: files, and servers as they are asked for. */
export class Stage {
  readonly #scale: Scale;
  readonly #relay: boolean;
  readonly #folder: string;
  readonly #home: string;
  readonly #scratch: string;
  readonly #servers = new Map<Where, Running>();

  constructor(contents: ReadonlySet<Content>, { folder, scale, relay }: StageOptions) {
    this.#scale = scale;
    this.#relay = relay;
    this.#folder = mkdtempSync(join(folder, 'ftplib-bench-'));
    this.#home = join(this.#folder, 'home');
    this.#scratch = join(this.#folder, 'scratch');
    chmodSync(this.#folder, 0o755);
    mkdirSync(this.#home);
    fill(this.#home, contents, scale);
  }

  /** Undefined for jobs that need no server. */
  async place(where: Where): Promise<Place | undefined> {
    if (where === 'nowhere') return undefined;
    const server = this.#servers.get(where) ?? (await this.#start(where));
    this.#servers.set(where, server);
    return server.place;
  }

  /** Whether there is such a place here: a relay cannot read in TLS which ports the server names. */
  offers(where: Where): boolean {
    return where !== 'tls-link' || this.#packets;
  }

  /** For the next run: nothing is left of the last one. */
  scene(): Scene {
    rmSync(this.#scratch, { recursive: true, force: true });
    mkdirSync(this.#scratch);
    emptyIncoming(this.#home);
    return { folder: this.#scratch, home: this.#home };
  }

  /** What serves, in words. */
  describe(where: Where): string {
    if (where === 'nowhere') return 'no server';
    if (where === 'memory') return 'a listing from memory';
    const server = canRunVsftpd() ? 'vsftpd' : 'the embedded server';
    const tls = isSecure(where) ? ', TLS' : '';
    if (!where.endsWith('link')) return `${server} on loopback${tls}`;
    return `${server}${tls}, ${this.#packets ? 'packets' : 'bytes (the making of connections not)'} delayed: ${this.#scale.roundTrip * 1000} ms round trip`;
  }

  close(): void {
    for (const server of this.#servers.values()) server.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #packets(): boolean {
    return !this.#relay && canDelayPackets();
  }

  async #start(where: Exclude<Where, 'nowhere'>): Promise<Running> {
    if (where === 'memory') return startEmbedded(this.#folder, this.#scale, { fromMemory: true });
    const { roundTrip } = this.#scale;
    const secure = isSecure(where);
    if (where.endsWith('link')) return this.#packets ? startBehindLink(this.#folder, this.#home, roundTrip, secure) : startRelay(await this.#start('plain'), roundTrip / 2);
    if (!canRunVsftpd()) return startEmbedded(this.#folder, this.#scale, { secure });
    return startVsftpd(await configureVsftpd(this.#folder, this.#home, secure));
  }
}

function isSecure(where: Where): boolean {
  return where.startsWith('tls');
}

import { expect } from 'chai';
import { assertNoLeaks, snapshot, type Snapshot } from './leaks';
import { RawClient } from './raw-client';
import { FtpServer } from './server/ftp-server';
import type { FtpServerOptions } from './server/server-options';

/**
 * A fresh server and a client of it for each test of a `describe`; afterwards nothing may be left of them. The client is
 * logged in, unless the server has TLS or a script: then it has only connected.
 */
export class Served {
  server!: FtpServer;
  client!: RawClient;
  #before!: Snapshot;

  /** Sets the hooks of the surrounding `describe`. */
  constructor(private readonly options: FtpServerOptions) {
    beforeEach(async () => {
      this.#before = await snapshot();
      await this.#start(options);
    });
    afterEach(() => this.#stop());
  }

  /** Another server and client, with these options besides. */
  async restart(options: FtpServerOptions): Promise<void> {
    await this.#stop();
    await this.#start({ ...this.options, ...options });
  }

  /** Sends lines in one write; the codes of their replies. */
  said(...lines: string[]): Promise<string> {
    this.client.write(lines.map((line) => `${line}\r\n`).join(''));
    return this.client.codes(lines.length);
  }

  async #start(options: FtpServerOptions): Promise<void> {
    this.server = await FtpServer.start(options);
    this.client = options.script || options.tls ? await RawClient.connect(this.server) : await RawClient.login(this.server);
  }

  async #stop(): Promise<void> {
    this.client.close();
    await this.server.close();
    expect(this.server.connections).to.deep.equal({ control: 0, data: 0, listeners: 0 });
    expect(this.server.sessions.size).to.equal(0);
    await assertNoLeaks(this.#before);
  }
}

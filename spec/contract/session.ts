import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { AbortedError, type FTP, type Reply } from '../../lib/index';
import { failure } from '../support/client';
import { FaultProxy } from '../support/fault-proxy';
import { collect, pattern, type Scene } from './scene';

/** Milliseconds between NOOPs. */
const INTERVAL = 10;

/** What a client does so that a session lasts, and when it was lost all the same. */
export function describeSession(scene: Scene): void {
  if (!scene.target.facts.oneClient) {
    describe('after a control connection that was lost', () => describeRepair(scene));
    describe('keepAlive', () => describeKeepAlive(scene));
  }

  it('abort() ends the transfer that runs, and the session goes on', async () => {
    const { ftp } = scene;
    const stream = ftp.retr(scene.outside('10m.bin'));
    const failed = failure(collect(stream));
    await once(stream, 'open');
    await ftp.abort();
    expect(await failed).to.be.instanceOf(AbortedError);
    expect(await ftp.pwd()).to.equal(scene.path);
  });
}

function describeRepair(scene: Scene): void {
  let proxy: FaultProxy;
  let ftp: FTP;
  let commands: string[];

  beforeEach(async () => {
    const { host = '', port = 0, secure } = scene.target.options;
    proxy = await FaultProxy.open({ host, port });
    ftp = scene.client(secure ? { createConnection: proxy.createConnection } : { host: '127.0.0.1', port: proxy.port });
    await ftp.cwd(scene.path);
    commands = [];
    ftp.on('command', (line) => void commands.push(line));
  });
  afterEach(async () => {
    ftp.close();
    expect(await proxy.close(), 'sockets left open').to.equal(0);
  });

  it('goes on in its folder, as protected as before', async () => {
    const bytes = pattern(70_000);
    await scene.put('kept', bytes, ftp);
    proxy.arm({ on: 'control', direction: 'toClient', kind: 'rst', at: 0 });
    const closed = once(ftp, 'close');
    await failure(ftp.pwd());
    await closed;
    proxy.arm();
    commands.length = 0;
    expect(await ftp.pwd()).to.equal(scene.path);
    expect((await scene.get('kept', ftp)).equals(bytes)).to.equal(true);
    expect(commands.filter((line) => line.startsWith('USER'))).to.have.lengthOf(1);
    if (scene.target.options.secure) expect(commands).to.include('PROT P');
  });

  it('never does again what may have been done, and says so', async () => {
    await scene.put('doomed', 'x', ftp);
    proxy.arm({ on: 'control', direction: 'toClient', kind: 'rst', at: 0 });
    commands.length = 0;
    expect(await failure(ftp.delete('doomed'))).to.have.property('maybeCompleted', true);
    expect(scene.names()).not.to.include('doomed');
    proxy.arm();
    expect(await ftp.pwd()).to.equal(scene.path);
    expect(commands.filter((line) => line.startsWith('DELE'))).to.have.lengthOf(1);
  });
}

function describeKeepAlive(scene: Scene): void {
  let ftp: FTP;
  let heard: (count: number) => Promise<void>;

  function open(keepAliveDuringTransfers: boolean): void {
    ftp = scene.client({ keepAlive: INTERVAL, keepAliveDuringTransfers });
    const code = scene.target.facts.refuses.NOOP ?? 200;
    heard = (count) =>
      new Promise((resolve) => {
        ftp.on('reply', (reply: Reply) => void (reply.code === code && --count === 0 && resolve()));
      });
  }
  afterEach(() => ftp.close());

  it('is answered while the client is idle', async () => {
    open(false);
    await ftp.cwd(scene.path);
    await heard(3);
    expect(await Promise.all([ftp.pwd(), ftp.pwd()])).to.deep.equal([scene.path, scene.path]);
  });

  if (!scene.target.facts.losesNoops) it('during transfers, on request, puts no reply out of step', async () => {
    open(true);
    await ftp.cwd(scene.path);
    const bytes = scene.readHome('10m.bin');
    const sent = (count: number): Promise<void> =>
      new Promise((resolve) => {
        if (scene.target.facts.oneAtATime) resolve();
        ftp.on('command', (line: string) => void (line === 'NOOP' && --count === 0 && resolve()));
      });
    const down = ftp.retr(scene.outside('10m.bin'));
    const chunks: Buffer[] = [];
    for await (const chunk of down) {
      if (chunks.push(chunk as Buffer) === 1) await sent(3);
    }
    expect(Buffer.concat(chunks).equals(bytes)).to.equal(true);
    expect(await ftp.pwd()).to.equal(scene.path);
    const source = async function* (): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, 100_000);
      await sent(3);
      yield bytes.subarray(100_000);
    };
    await pipeline(Readable.from(source()), ftp.stor('slowly'));
    expect(scene.read('slowly').equals(bytes)).to.equal(true);
    expect(await ftp.pwd()).to.equal(scene.path);
  });
}

import { expect } from 'chai';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { ArgumentError } from '../../lib/index';
import type { Step } from '../support/server/script';
import { closing, errorOf, outcomeOf, useBench } from '../support/transfers';

describe('active mode', () => {
  const bench = useBench();

  async function twice(script: Readonly<Record<string, string>>, options: Parameters<typeof bench.client>[0] = {}, host: '127.0.0.1' | '::1' = '127.0.0.1'): Promise<string[]> {
    await bench.serve({ files: { '/file': 'hello' }, features: [], host, script });
    const ftp = bench.client({ passive: false, ...options });
    const { bytes, error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.equal(undefined);
    expect(bytes.toString()).to.equal('hello');
    const upload = ftp.stor('up');
    upload.end('there');
    expect(await errorOf(upload)).to.equal(undefined);
    expect(bench.server.read('/up').toString()).to.equal('there');
    return bench.server.commands.filter((line) => !/^(USER|PASS|FEAT)/.test(line)).map((line) => line.replace(/^(PORT|EPRT) .*/, '$1'));
  }

  it('is PORT on IPv4', async () => {
    expect(await twice({})).to.deep.equal(['TYPE I', 'PORT', 'RETR file', 'PORT', 'STOR up']);
  });

  it('is EPRT on IPv6', async () => {
    expect(await twice({}, {}, '::1')).to.deep.equal(['TYPE I', 'EPRT', 'RETR file', 'EPRT', 'STOR up']);
  });

  it('is EPRT where PORT is refused', async () => {
    expect(await twice({ PORT: '500 What?' })).to.deep.equal(['TYPE I', 'PORT', 'EPRT', 'RETR file', 'EPRT', 'STOR up']);
  });

  it('sends no EPRT again that was refused, and says what PORT was answered', async () => {
    await bench.serve({ script: { PORT: '500 What?', EPRT: '500 What?' } });
    const ftp = bench.client({ passive: false });
    for (const last of ['EPRT', 'PORT', 'PORT']) expect((await outcomeOf(ftp.retr('file'))).error?.message).to.match(new RegExp(`^${last} .*: 500`));
    expect(bench.server.commands.map((line) => line.slice(0, 4)).filter((verb) => verb === 'PORT' || verb === 'EPRT')).to.deep.equal(['PORT', 'EPRT', 'PORT', 'PORT']);
  });

  it('has no PORT on IPv6, and says so where `extended` is false', async () => {
    await bench.serve({ host: '::1' });
    const ftp = bench.client({ passive: false, extended: false });
    expect((await outcomeOf(ftp.retr('file'))).error).to.be.instanceOf(ArgumentError).and.have.property('message').that.matches(/extended.*PORT.*IPv6/);
    expect(await ftp.pwd()).to.equal('/');
  });

  it('is only EPRT with `extended`', async () => {
    expect(await twice({}, { extended: true })).to.deep.equal(['TYPE I', 'EPRT', 'RETR file', 'EPRT', 'STOR up']);
  });

  it('is an error where PORT and EPRT are refused; nothing listens any more, and the session goes on', async () => {
    await bench.serve({ script: { PORT: '500 What?', EPRT: '500 What?' } });
    const ftp = bench.client({ passive: false });
    expect((await outcomeOf(ftp.retr('file'))).error?.message).to.match(/^EPRT .*: 500/);
    expect(await ftp.pwd()).to.equal('/');
    expect(bench.logins).to.equal(1);
  });

  it('refuses a connection from any other address than the server’s, and takes the server’s', async () => {
    await bench.serve({ files: { '/file': 'hello' } });
    let refused = false;
    const intrude: Step = async (session) => {
      const intruder = connect({ host: '127.0.0.1', port: announced(bench.server.commands), localAddress: '127.0.0.2' });
      intruder.on('error', () => undefined).end('planted');
      await closing(intruder.resume());
      refused = true;
      await session.normal();
    };
    bench.server.script = { RETR: [intrude] };
    const { bytes, error } = await outcomeOf(bench.client({ passive: false }).retr('file'));
    expect(error).to.equal(undefined);
    expect(bytes.toString()).to.equal('hello');
    expect(refused).to.equal(true);
  });

  it('takes one connection only', async () => {
    await bench.serve({ files: { '/file': 'hello' } });
    const second: NodeJS.ErrnoException[] = [];
    const again: Step = async (session) => {
      await session.dataConnection();
      const other = connect({ host: '127.0.0.1', port: announced(bench.server.commands) });
      other.on('error', (error: NodeJS.ErrnoException) => second.push(error));
      await closing(other.resume());
      await session.normal();
    };
    const ftp = bench.client({ passive: false });
    bench.server.script = { RETR: [again] };
    expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('hello');
    expect(second.map(({ code }) => code)).to.deep.equal(['ECONNREFUSED']);
  });

  it('listens in `localPortRange`, past ports that are taken', async () => {
    const taken = createServer();
    const first = await twoPorts(taken);
    await bench.serve({ files: { '/file': 'hello' } });
    const ftp = bench.client({ passive: false, localPortRange: [first, first + 1] });
    expect((await outcomeOf(ftp.retr('file'))).bytes.toString()).to.equal('hello');
    expect(announced(bench.server.commands)).to.equal(first + 1);
    taken.close();
  });

  it('fails where every port of `localPortRange` is taken, and the session goes on', async () => {
    const taken = createServer();
    await once(taken.listen(0, '127.0.0.1'), 'listening');
    const { port } = taken.address() as AddressInfo;
    await bench.serve({ files: { '/file': 'hello' } });
    const ftp = bench.client({ passive: false, localPortRange: [port, port] });
    const { error } = await outcomeOf(ftp.retr('file'));
    expect(error).to.include({ code: 'ERR_FTP_TRANSFER' });
    expect((error?.cause as NodeJS.ErrnoException).code).to.equal('EADDRINUSE');
    expect(await ftp.pwd()).to.equal('/');
    taken.close();
  });

  it('stops listening when the server refuses the transfer', async () => {
    await bench.serve();
    const ftp = bench.client({ passive: false });
    expect((await outcomeOf(ftp.retr('missing'))).error).to.include({ code: 'ERR_FTP_PERMANENT' });
    const late: Socket = connect({ host: '127.0.0.1', port: announced(bench.server.commands) });
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNREFUSED');
  });
});

/** The port of the last PORT. */
function announced(commands: readonly string[]): number {
  const [, high = '', low = ''] = /^PORT (?:\d+,){4}(\d+),(\d+)$/.exec(commands.filter((line) => line.startsWith('PORT ')).at(-1) ?? '') ?? [];
  return Number(high) * 256 + Number(low);
}

/** Listens on a port whose follower is free, and tells it. */
async function twoPorts(server: ReturnType<typeof createServer>): Promise<number> {
  for (;;) {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const follower = createServer();
    const free = await new Promise<boolean>((resolve) => follower.once('error', () => resolve(false)).listen(port + 1, '127.0.0.1', () => resolve(true)));
    if (free) {
      follower.close();
      await once(follower, 'close');
      return port;
    }
    server.close();
    await once(server, 'close');
  }
}

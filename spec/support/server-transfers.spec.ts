import { expect } from 'chai';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { sha256 } from './hash';
import { RawClient } from './raw-client';
import { Served } from './served';
import { content } from './server/content';

const MIB = 1024 * 1024;
const BIG = content(16 * MIB, 7);

describe('embedded server: transfers', () => {
  const served = new Served({
    files: { '/readme.txt': 'hello\n', '/digits': '0123456789', '/lines.txt': 'one\r\ntwo\nthree', '/big': BIG, '/sink': { discard: true }, '/void/': { discard: true } },
  });

  it('sends what needs no memory', async () => {
    const socket = await served.client.passive();
    expect(await served.client.command('RETR big')).to.include(`(${16 * MIB} bytes)`);
    expect(await sha256(socket)).to.equal(BIG.sha256);
    expect(await served.client.codes(1)).to.equal('226');
  });

  it('waits for a client that does not read', async () => {
    let read = 0;
    served.server.write('/slow', {
      size: 1024 * MIB,
      read(offset, length) {
        read = offset + length;
        return BIG.read(0, length);
      },
    });
    const socket = await served.client.passive();
    expect(await served.client.command('RETR slow')).to.match(/^150 /);
    await once(socket, 'readable');
    expect(read).to.be.lessThan(32 * MIB);
    socket.resetAndDestroy();
    expect(await served.client.reply()).to.equal('426 Failure writing network stream.');
    expect(await served.said('NOOP')).to.equal('200');
  });

  it('sends from a restart position on', async () => {
    expect(await served.said('REST x', 'REST 4')).to.equal('501 350');
    const { bytes, mark } = await served.client.download('RETR digits');
    expect(bytes.toString()).to.equal('456789');
    expect(mark).to.include('(10 bytes)');
    expect((await served.client.download('RETR digits')).bytes.length).to.equal(10);
    expect(await served.said('REST 11', 'RETR digits', 'REST 10')).to.equal('350 554 350');
    expect((await served.client.download('RETR digits')).bytes.length).to.equal(0);
  });

  it('takes files', async () => {
    expect(await served.client.upload('STOR new', 'abc')).to.deep.equal(['150 Ok to send data.', '226 Transfer complete.']);
    expect(served.server.read('/new').toString()).to.equal('abc');
    await served.client.upload('STOR new', 'x');
    await served.client.upload('APPE new', 'yz');
    expect(served.server.read('/new').toString()).to.equal('xyz');
    await served.client.upload('STOR empty', '');
    expect(served.server.read('/empty').length).to.equal(0);
    const [mark] = await served.client.upload('STOU', 'unique');
    expect(mark).to.equal('150 FILE: STOU.1');
    expect(served.server.read('/STOU.1').toString()).to.equal('unique');
    expect(await served.said('STOR /', 'STOR no/where')).to.equal('553 553');
  });

  it('overwrites from a restart position on, and keeps the tail', async () => {
    expect(await served.said('REST 4')).to.equal('350');
    await served.client.upload('STOR digits', 'AB');
    expect(served.server.read('/digits').toString()).to.equal('0123AB6789');
    expect(await served.said('REST 9')).to.equal('350');
    await served.client.upload('STOR digits', 'CDE');
    expect(served.server.read('/digits').toString()).to.equal('0123AB678CDE');
    expect(await served.said('REST 2')).to.equal('350');
    await served.client.upload('STOR hole', 'x');
    expect(served.server.read('/hole')).to.deep.equal(Buffer.from('\0\0x'));
  });

  it('counts and hashes what it throws away', async () => {
    await served.client.upload('STOR sink', BIG.read(0, MIB));
    await served.client.upload('STOR void/new', 'abc');
    expect(served.server.file('/sink').content.size).to.equal(MIB);
    expect(served.server.file('/sink').content.sha256).to.equal(await sha256(BIG.read(0, MIB)));
    expect(served.server.file('/void/new').content.sha256).to.equal(await sha256('abc'));
    expect(() => served.server.read('/sink')).to.throw('not stored');
  });

  it('converts line ends in TYPE A', async () => {
    await served.said('TYPE A');
    const { bytes, mark } = await served.client.download('RETR lines.txt');
    expect(bytes.toString()).to.equal('one\r\ntwo\r\nthree');
    expect(mark).to.include('ASCII');
    const socket = await served.client.passive();
    expect(await served.client.command('STOR up')).to.match(/^150 /);
    for (const part of ['a\r', '\nb\rc\r\r', '\nd']) await new Promise((resolve) => socket.write(part, resolve));
    socket.end();
    expect(await served.client.codes(1)).to.equal('226');
    expect(served.server.read('/up').toString()).to.equal('a\nb\rc\r\nd');
  });

  it('answers pipelined commands in order, a transfer as a whole', async () => {
    const socket = await served.client.passive();
    expect(await Promise.all([sha256(socket), served.said('RETR readme.txt', 'NOOP', 'PWD', 'EPSV')])).to.deep.equal([
      await sha256('hello\n'),
      '150 226 200 257',
    ]);
    expect(await served.client.codes(1)).to.equal('229');
    served.client.write('NOOP\r\n'.repeat(1000));
    expect(await served.client.codes(1000)).to.equal(Array(1000).fill('200').join(' '));
  });

  it('aborts a download', async () => {
    const socket = await served.client.passive();
    expect(await served.client.command('RETR big')).to.match(/^150 /);
    await once(socket, 'readable');
    expect(await served.client.command('ABOR')).to.equal('426 Transfer aborted.');
    expect(await served.said('ABOR')).to.equal('226');
    expect(await served.client.codes(1)).to.equal('225');
    await closed(socket);
    expect((await served.client.download('RETR readme.txt')).reply).to.match(/^226 /);
  });

  it('aborts an upload, and a transfer whose connection has not come; Telnet signals do not disturb', async () => {
    const socket = await served.client.passive();
    expect(await served.client.command('STOR part')).to.match(/^150 /);
    await new Promise((resolve) => socket.write('half', resolve));
    served.client.write(Buffer.from([0xff, 0xf4, 0xff, 0xf2]));
    expect(await served.said('ABOR')).to.equal('426');
    expect(await served.client.codes(1)).to.equal('226');
    socket.destroy();
    expect(await served.said('EPSV', 'RETR readme.txt', 'NOOP', 'ABOR')).to.equal('229 426 200 226');
  });

  it('calls an upload that was reset broken, and keeps what came', async () => {
    const socket = await served.client.passive();
    expect(await served.client.command('STOR part')).to.match(/^150 /);
    await new Promise((resolve) => socket.write('half', resolve));
    socket.resetAndDestroy();
    expect(await served.client.reply()).to.equal('426 Failure reading network stream.');
    expect(served.server.read('/part').length).to.be.oneOf([0, 4]);
  });

  it('calls a transfer broken whose data connection was reset before it began', async () => {
    for (const verb of ['RETR big', 'STOR new']) {
      (await served.client.passive()).resetAndDestroy();
      expect(await served.said(verb)).to.equal('150');
      expect(await served.client.codes(1)).to.equal('426');
    }
  });

  it('closes the data connection of a refused command, and of the EPSV before', async () => {
    const refused = closed(await served.client.passive());
    expect(await served.client.command('RETR nothing')).to.match(/^550 /);
    const old = closed(await served.client.passive());
    await served.client.passive();
    await Promise.all([refused, old]);
    expect(await served.said('EPSV', 'STAT')).to.equal('229 211');
  });

  it('takes one data connection only, and says when none is open', async () => {
    const first = await served.client.passive();
    expect(await served.client.command('STOR up')).to.match(/^150 /);
    expect(served.server.connections).to.deep.equal({ control: 1, data: 1, listeners: 1 });
    first.end();
    await served.server.idle();
    expect(served.server.connections.data).to.equal(0);
    expect(await served.client.codes(1)).to.equal('226');
  });

  it('ends a session and its transfer when its client is gone', async () => {
    const gone = closed(await served.client.passive());
    expect(await served.client.command('RETR big')).to.match(/^150 /);
    served.client.close();
    await Promise.all([served.server.deserted(), gone]);
    await served.server.idle();
    served.client = await RawClient.login(served.server);
    expect(await served.said('QUIT')).to.equal('221');
    await served.client.ended();
  });
});

/** Resolves when the server has ended or reset a connection. */
async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => undefined).resume();
  if (!socket.closed) await once(socket, 'close');
}

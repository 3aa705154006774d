import { expect } from 'chai';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { RawClient } from './raw-client';
import { Served } from './served';
import { FtpServer } from './server/ftp-server';
import { gate } from './server/gate';
import type { Script } from './server/script';
import { boundary, data, dataClosed, dataEnd, dataReset, hangUp, normal, openData, raw, receiveData, resetControl, send, silence, split, until } from './server/steps';

describe('embedded server: scripts', () => {
  const served = new Served({ files: { '/a': 'abc' } });

  function script(acts: Script): void {
    served.server.script = acts;
  }

  it('answers what it is told, one reply after the other', async () => {
    script({ SIZE: ['213 1', '213 2'], MDTM: '550-No\r\n550 time', NOOP: [], STAT: [[send('211-a'), raw('b\r\n211 c\r\n')], [], '500 enough'] });
    served.client.write('SIZE a\r\nsize a\r\nSIZE a\r\nNOOP\r\nMDTM a\r\n');
    expect(await served.client.replies(4)).to.deep.equal(['213 1', '213 2', '213 2', '550-No\n550 time']);
    expect(await served.said('STAT', 'PWD')).to.equal('211 257');
    served.client.write('STAT\r\nPWD\r\nSTAT\r\nSTAT\r\n');
    expect(await served.client.codes(3)).to.equal('257 500 500');
  });

  it('says nothing where a list is empty, and then goes on', async () => {
    script({ NOOP: [[]] });
    served.client.write('NOOP\r\nNOOP\r\n');
    expect(await served.client.command('PWD')).to.match(/^257/);
  });

  it('sends a reply in pieces that arrive apart', async () => {
    script({ SIZE: [raw('213 1000'), boundary(), raw('000\r\n')], NOOP: [split('200 ok\r\n', 3)] });
    served.client.chunks.length = 0;
    expect(await served.client.command('SIZE a')).to.equal('213 1000000');
    expect(await served.client.command('NOOP')).to.equal('200 ok');
    expect(served.client.chunks).to.deep.equal(['213 1000', '000\r\n', '200', ' ok', '\r\n']);
  });

  it('sends exactly the bytes that it is given', async () => {
    script({ NOOP: [raw(Buffer.from([0x32, 0xff, 0x00, 0x0d]))] });
    served.client.socket.removeAllListeners('data');
    served.client.write('NOOP\r\n');
    const [bytes] = (await once(served.client.socket, 'data')) as [Buffer];
    expect([...bytes]).to.deep.equal([0x32, 0xff, 0x00, 0x0d]);
  });

  it('lets the completion come before the data', async () => {
    const read = gate();
    script({ RETR: [openData(), send('150 here (6 bytes).'), send('226 done'), until(read), data('abc'), data('def'), dataEnd()] });
    const socket = await served.client.passive();
    served.client.write('RETR a\r\n');
    expect(await served.client.codes(2)).to.equal('150 226');
    read.open();
    expect((await buffer(socket)).toString()).to.equal('abcdef');
  });

  it('resets a data connection in the middle', async () => {
    script({ RETR: [send('150 go'), data('half'), boundary(), dataReset(), send('426 broken')] });
    const socket = await served.client.passive();
    served.client.write('RETR a\r\n');
    const error = await buffer(socket).catch((reason: NodeJS.ErrnoException) => reason);
    expect(error).to.have.property('code', 'ECONNRESET');
    expect(await served.client.codes(2)).to.equal('150 426');
    expect((await served.client.download('NLST')).bytes.toString()).to.equal('a\r\n');
  });

  it('holds an upload up, and takes it', async () => {
    const go = gate();
    script({ STOR: [openData(), send('150 go'), until(go), receiveData(), send('552 full')] });
    const socket = await served.client.passive();
    expect(await served.client.command('STOR new')).to.equal('150 go');
    socket.resume().end('xyz');
    expect(served.server.files.has('/new')).to.equal(false);
    go.open();
    expect(await served.client.reply()).to.equal('552 full');
    expect(served.server.read('/new').toString()).to.equal('xyz');
  });

  it('waits for ABOR and for the client to close', async () => {
    script({ RETR: [send('150 go'), data('x'), dataClosed(), until(({ server }) => server.waitFor('ABOR')), send('426 cut')] });
    const socket = await served.client.passive();
    expect(await served.client.command('RETR a')).to.equal('150 go');
    socket.destroy();
    expect(await served.said('ABOR', 'NOOP')).to.equal('426 225');
    expect(await served.client.codes(1)).to.equal('200');
    await served.server.idle();
  });

  it('leaves a data connection open that a script does not end', async () => {
    script({ RETR: [send('150 go'), data('x'), send('226 done')] });
    const socket = await served.client.passive();
    expect(await served.said('RETR a', 'NOOP')).to.equal('150 226');
    expect(served.server.connections.data).to.equal(1);
    socket.resume().end();
    await served.server.idle();
  });

  it('answers 425 in a script that has no data connection', async () => {
    script({ RETR: [data('x'), send('226 never said')] });
    expect(await served.said('RETR a', 'NOOP')).to.equal('425 200');
  });

  it('hangs up, resets, and falls silent', async () => {
    script({ NOOP: [send('421 bye'), hangUp()], STAT: [resetControl()], SYST: [silence()] });
    expect(await served.said('NOOP')).to.equal('421');
    await served.client.ended();
    const second = await RawClient.login(served.server);
    const reset = once(second.socket, 'error');
    second.write('STAT\r\n');
    expect((await reset)[0]).to.have.property('code', 'ECONNRESET');
    const third = await RawClient.login(served.server);
    served.server.mark();
    third.write('SYST\r\nNOOP\r\n');
    expect(await served.server.waitFor('NOOP')).to.equal('NOOP');
    third.close();
    expect(await third.reply()).to.equal('');
  });

  it('obeys a function, and does what it does without one', async () => {
    script({
      SIZE: (session, argument) => session.reply(`213 ${argument.length}`),
      PASV: async (session) => session.reply(`227 (10,0,0,1,${(await session.listen()) >> 8},0)`),
      NOOP: [send('100 wait'), normal()],
      RETR: [until(Promise.resolve()), normal()],
    });
    expect(await served.client.command('SIZE four')).to.equal('213 4');
    expect(await served.client.command('PASV')).to.match(/^227 \(10,0,0,1,\d+,0\)/);
    expect(await served.said('NOOP', 'NOOP')).to.equal('100 200');
    expect(await served.client.codes(2)).to.equal('100 200');
    expect((await served.client.download('RETR a')).bytes.toString()).to.equal('abc');
  });

  it('greets as told, after what is to happen before', async () => {
    const ready = gate();
    await served.restart({ script: { CONNECT: [until(ready)], GREETING: [send('120 soon'), send('220 now')] } });
    expect(served.client.chunks).to.deep.equal([]);
    ready.open();
    expect(await served.client.replies(2)).to.deep.equal(['120 soon', '220 now']);
  });

  it('keeps what it has received', async () => {
    served.server.mark();
    const seen = once(served.server, 'command') as Promise<[string, unknown]>;
    served.client.write(Buffer.from('cwd \xe4\r\nCWD ä\r\nNOOP\n', 'latin1'));
    expect((await seen)[0]).to.equal('cwd ä');
    expect(await served.client.codes(3)).to.equal('550 550 200');
    expect(served.server.commands).to.deep.equal(['USER user', 'PASS secret', 'TYPE I', 'cwd ä', 'CWD ä', 'NOOP']);
    expect(served.server.commandBytes[3]).to.deep.equal(Buffer.from('cwd \xe4', 'latin1'));
    expect(await served.server.waitFor('CWD')).to.equal('cwd ä');
    expect(await served.server.waitFor((line) => line.startsWith('USER'), 0)).to.equal('USER user');
    const next = served.server.waitFor('PWD');
    await served.said('PWD');
    expect(await next).to.equal('PWD');
  });

  it('speaks latin1 where told, and doubles what would be Telnet', async () => {
    await served.restart({ encoding: 'latin1' });
    let bytes = Buffer.alloc(0);
    served.client.socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
    });
    served.client.write(Buffer.from('MKD \xe4\xff\xff\r\n', 'latin1'));
    await served.client.reply();
    expect(served.server.files.has('/äÿ')).to.equal(true);
    expect(bytes.toString('latin1')).to.include('"/\xe4\xff\xff"');
  });

  it('tells at its end what a script has done wrong', async () => {
    const server = await FtpServer.start({
      script: {
        NOOP: () => {
          throw new Error('a bug in a script');
        },
      },
    });
    const client = await RawClient.login(server);
    expect(await client.command('NOOP')).to.equal('');
    const error = await server.close().catch((reason: Error) => reason);
    expect(String(error)).to.include('a bug in a script');
  });

  it('ends whatever a script waits for', async () => {
    script({ RETR: [openData(), send('150 go'), data(Buffer.alloc(64 * 1024 * 1024)), until(new Promise(() => undefined))], NOOP: [until(gate())] });
    const socket: Socket = await served.client.passive();
    expect(await served.client.command('RETR a')).to.equal('150 go');
    const other = await RawClient.login(served.server);
    other.write('NOOP\r\n');
    await served.server.waitFor('NOOP');
    await served.server.close();
    socket.destroy();
    await other.ended();
  });
});

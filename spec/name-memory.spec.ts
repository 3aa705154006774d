import { expect } from 'chai';
import { text } from 'node:stream/consumers';
import { NameMemory } from '../lib/encoding';
import { ArgumentError } from '../lib/errors';
import { failure, scene } from './support/client';
import { data, dataEnd, hangUp, openData, send } from './support/server/steps';

const LATIN = Buffer.from('caf\xe9.txt', 'latin1');
const SHOWN = LATIN.toString('utf8');

describe('NameMemory', () => {
  it('sends the bytes that were listed for the name that was shown', () => {
    const names = new NameMemory('utf8');
    names.remember(SHOWN, LATIN);
    expect(Buffer.from(names.encode(`RETR ${SHOWN}`))).to.deep.equal(Buffer.concat([Buffer.from('RETR '), LATIN]));
  });

  it('knows a name as any part of a path, and nowhere else', () => {
    const names = new NameMemory('utf8');
    names.remember(SHOWN, LATIN);
    const encoded = (line: string): string => Buffer.from(names.encode(line)).toString('latin1');
    expect(encoded(`RETR /a/${SHOWN}/b`)).to.equal('RETR /a/caf\xe9.txt/b');
    expect(encoded(`RETR x${SHOWN}`)).to.equal(Buffer.from(`RETR x${SHOWN}`).toString('latin1'));
    expect(encoded('RETR //a//')).to.equal('RETR //a//');
    expect(encoded('NOOP')).to.equal('NOOP');
  });

  it('knows a name where the path is, and not what is around that', () => {
    const names = new NameMemory('utf8');
    names.remember(SHOWN, LATIN);
    names.remember('644', Buffer.from([0x80]));
    const line = `SITE CHMOD 644 ${SHOWN} 644`;
    const from = line.indexOf(SHOWN);
    expect(Buffer.from(names.encode(line, from, from + SHOWN.length)).toString('latin1')).to.equal('SITE CHMOD 644 caf\xe9.txt 644');
    expect(Buffer.from(names.plain.encode(`PASS ${SHOWN}`)).toString()).to.equal(`PASS ${SHOWN}`);
  });

  it('forgets a name that a later listing prints as the encoding has it', () => {
    const names = new NameMemory('utf8');
    names.remember(SHOWN, LATIN);
    names.remember(SHOWN, undefined);
    expect(Buffer.from(names.encode(`RETR ${SHOWN}`)).toString()).to.equal(`RETR ${SHOWN}`);
  });

  it('keeps the newest 65,536 names', () => {
    const names = new NameMemory('utf8');
    for (let number = 0; number <= 65_536; number++) names.remember(`${number}`, Buffer.from([0x80]));
    expect(Buffer.from(names.encode('DELE 0')).toString()).to.equal('DELE 0');
    expect(Buffer.from(names.encode('DELE 1'))).to.deep.equal(Buffer.from('DELE \x80', 'latin1'));
  });

  it('keeps no more than 16 MiB of them, whatever a server lists', () => {
    const names = new NameMemory('utf8');
    const long = Buffer.alloc(65_536, 0x80);
    const isKnown = (number: number): boolean => names.encode(`DELE ${number}`).length > 100;
    for (let number = 0; number < 1000; number++) names.remember(`${number}`, long);
    expect([743, 744, 745, 999].map(isKnown)).to.deep.equal([false, false, true, true]);
    for (let times = 0; times < 1000; times++) names.remember('999', long);
    expect(isKnown(745), 'one that comes again counts once').to.equal(true);
    for (let number = 745; number < 1000; number++) names.remember(`${number}`, undefined);
    for (let number = 0; number < 255; number++) names.remember(`${number}`, long);
    expect([0, 254].map(isKnown), 'what is forgotten counts no more').to.deep.equal([true, true]);
  });

  it('refuses encodings that cannot carry names', () => {
    expect(() => new NameMemory('utf16le')).to.throw(ArgumentError);
  });
});

describe('names that are no UTF-8', () => {
  const stage = scene();

  it('can be used as they were listed', async () => {
    const line = Buffer.concat([Buffer.from('type=file;size=4; '), LATIN, Buffer.from('\r\n')]);
    const server = await stage.serve({
      files: { '/caf\u00e9.txt': 'text' },
      script: { MLSD: [openData(), send('150 Here.'), data(line), dataEnd(), send('226 Done.')] },
    });
    const ftp = await stage.connect(server);
    const [entry] = await ftp.list().toArray();
    expect(entry).to.include({ name: 'caf\u00e9.txt', size: 4 });
    await ftp.delete(entry?.name ?? '');
    expect(server.commandBytes.at(-1)).to.deep.equal(Buffer.concat([Buffer.from('DELE '), LATIN]));
  });

  it('can be used in commands that have more than a path', async () => {
    const server = await stage.serve({ encoding: 'latin1', files: { '/caf\u00e9.txt': 'text', '/caf\u00e9 bar/.hidden': 'x' }, features: ['MFMT', 'XCRC', 'PRET'] });
    server.script = { XCRC: '250 0A', PRET: '200 Noted.' };
    const ftp = stage.client(server);
    expect(await ftp.list('', { all: true }).toArray()).to.have.lengthOf(2);
    await ftp.chmod('caf\u00e9.txt', 0o600);
    await ftp.mfmt('caf\u00e9.txt', new Date(0));
    await ftp.hash('caf\u00e9 bar');
    await ftp.size('caf\u00e9.txt');
    const sent = server.commandBytes.map((bytes) => bytes.toString('latin1'));
    expect(sent).to.include.members(['SITE CHMOD 600 caf\xe9.txt', 'MFMT 19700101000000 caf\xe9.txt', 'XCRC "caf\xe9 bar"']);
    expect((await ftp.mlst('caf\u00e9.txt')).size).to.equal(4);
    expect(await text(ftp.retr('caf\u00e9.txt'))).to.equal('text');
    expect(server.commandBytes.map((bytes) => bytes.toString('latin1'))).to.include('PRET RETR caf\xe9.txt');
  });

  it('leave LIST -a what it is: a folder is found by the name that was listed', async () => {
    const server = await stage.serve({ encoding: 'latin1', files: { '/caf\u00e9/.hidden': 'x' } });
    const ftp = stage.client(server, { mlsd: false });
    for (const time of ['first', 'second']) expect((await ftp.walk().toArray()).map(({ path }) => path), time).to.deep.equal(['caf\u00e9', 'caf\u00e9/.hidden']);
    expect(server.commands.filter((line) => line.startsWith('LIST'))).to.have.lengthOf(4);
  });

  it('are none where a password is the same', async () => {
    const server = await stage.serve({ files: { '/a': 'a' }, users: { user: SHOWN }, script: { NOOP: [hangUp()] } });
    const ftp = stage.client(server, { password: SHOWN });
    await ftp.pwd();
    ftp.session.codec.remember(SHOWN, LATIN);
    await failure(ftp.noop());
    expect(await text(ftp.retr('a'))).to.equal('a');
  });

  it('cannot smuggle a line end into a command', async () => {
    const server = await stage.serve();
    const ftp = await stage.connect(server);
    ftp.session.codec.remember('harmless', Buffer.from('x\r\nDELE y'));
    await ftp.delete('harmless').then(
      () => expect.fail('sent'),
      (error: unknown) => expect(error).to.be.instanceOf(ArgumentError),
    );
    expect(server.commands).to.deep.equal([]);
  });
});

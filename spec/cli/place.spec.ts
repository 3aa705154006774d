import { expect } from 'chai';
import { UsageError } from '../../lib/cli/failure';
import { credentialsFor, nameOf, placeOnServer, remotePlace, within } from '../../lib/cli/place';
import { ArgumentError } from '../../lib/errors';

const PLAIN = { secure: false };

describe('places of the command line', () => {
  const places: readonly [text: string, server: object, path: string, isFolder: boolean, shown: string][] = [
    ['ftp://h', { host: 'h', ...PLAIN }, '', true, 'ftp://h/'],
    ['ftp://h/a/b', { host: 'h', ...PLAIN }, 'a/b', false, 'ftp://h/a/b'],
    ['ftp://u:p%40@h:2121/a%20b/', { host: 'h', ...PLAIN, port: 2121, user: 'u', password: 'p@' }, 'a b', true, 'ftp://h:2121/a b'],
    ['ftpes://h//etc/motd', { host: 'h', secure: 'explicit' }, '/etc/motd', false, 'ftpes://h//etc/motd'],
    ['FTPS://[::1]/%2F', { host: '::1', secure: 'implicit' }, '/', true, 'ftps://[::1]//'],
    ['h:', { host: 'h', ...PLAIN }, '', true, 'ftp://h/'],
    ['h:a b/c', { host: 'h', ...PLAIN }, 'a b/c', false, 'ftp://h/a b/c'],
    ['h:a%20b', { host: 'h', ...PLAIN }, 'a%20b', false, 'ftp://h/a%20b'],
    ['h:/etc/motd', { host: 'h', ...PLAIN }, '/etc/motd', false, 'ftp://h//etc/motd'],
    ['me@h:dir/', { host: 'h', ...PLAIN, user: 'me' }, 'dir', true, 'ftp://h/dir'],
    ['me@[::1]:a:b', { host: '::1', ...PLAIN, user: 'me' }, 'a:b', false, 'ftp://[::1]/a:b'],
  ];
  for (const [text, server, path, isFolder, shown] of places) {
    it(`are on a server: ${text}`, () => {
      expect(remotePlace(text, {})).to.deep.equal({ server, path, isFolder, shown });
    });
  }

  it('are on the server of --host where they name none, with the user of --user where they name none', () => {
    expect(remotePlace(':a', { host: 'h' })).to.deep.equal({ server: { host: 'h', ...PLAIN }, path: 'a', isFolder: false, shown: 'ftp://h/a' });
    expect(placeOnServer('a/b', { host: 'ftpes://u@h:2121/not/this', user: 'other' })).to.deep.equal({
      server: { host: 'h', secure: 'explicit', port: 2121, user: 'u' }, path: 'a/b', isFolder: false, shown: 'ftpes://h:2121/a/b',
    });
    for (const host of ['::1', '[::1]', 'ftp://[::1]']) expect(placeOnServer('a', { host }).server).to.include({ host: '::1' });
    expect(placeOnServer('a', { host: 'me@fe80::1:2' }).server).to.include({ host: 'fe80::1:2', user: 'me' });
    expect(placeOnServer('a', { host: '[::1]:2121' }).server).to.include({ host: '::1', port: 2121 });
    expect(placeOnServer('h:a', { user: 'me' }).server).to.include({ user: 'me' });
  });

  it('are here without a colon before the first slash', () => {
    for (const text of ['a', './a:b', '/a:b', 'a/b:c', '-', '']) expect(remotePlace(text, { host: 'h' }), text).to.equal(undefined);
  });

  it('are refused where they cannot be, without credentials', () => {
    for (const text of ['http://u:secret@h/', 'ftp://u:secret@h:0/', 'ftp://u:secret@/x', 'ftp://u:secret@h/%ff']) {
      expect(() => remotePlace(text, {}), text).to.throw(ArgumentError).with.property('message').that.does.not.include('secret');
    }
    for (const text of [':a', 'ftp://h/a;type=d', 'h:a\r\nDELE b']) expect(() => remotePlace(text, {}), text).to.throw(UsageError);
    expect(() => placeOnServer('a', {})).to.throw(UsageError);
  });

  it('have names, and places within', () => {
    const folder = placeOnServer('h:/', {});
    expect([within(folder, 'x').path, within(placeOnServer('h:', {}), 'x').path, within(placeOnServer('h:d', {}), 'x').path]).to.deep.equal(['/x', 'x', 'd/x']);
    expect(nameOf(placeOnServer('h:d/x', {}))).to.equal('x');
    for (const text of ['h:', 'h:/', 'h:a/..']) expect(() => nameOf(placeOnServer(text, {})), text).to.throw(UsageError);
  });

  it('have the password of the URL, or else of the environment', () => {
    const env = { FTPLIB_PASSWORD: 'env' };
    expect(credentialsFor({ host: 'h', user: 'u', password: 'url' }, env)).to.deep.equal({ kind: 'known', options: { user: 'u', password: 'url' } });
    expect(credentialsFor({ host: 'h', user: 'u' }, env)).to.deep.equal({ kind: 'known', options: { user: 'u', password: 'env' } });
  });
});

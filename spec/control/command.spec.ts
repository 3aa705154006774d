import { expect } from 'chai';
import { Command } from '../../lib/control/command';
import { codecFor } from '../../lib/encoding';
import { ArgumentError } from '../../lib/errors';

describe('Command', () => {
  const utf8 = codecFor('utf8');
  const latin1 = codecFor('latin1');

  it('is the line in the encoding, ended by CRLF', () => {
    expect(new Command('RETR größe', utf8).bytes).to.deep.equal(Buffer.from('RETR größe\r\n'));
    expect(new Command('RETR größe', latin1).bytes).to.deep.equal(Buffer.from('RETR größe\r\n', 'latin1'));
  });

  it('keeps blanks of the argument, leading and trailing', () => {
    const command = new Command('RETR  a ', utf8);
    expect(command).to.include({ verb: 'RETR', argument: ' a ', ascii: true });
    expect(command.bytes.toString()).to.equal('RETR  a \r\n');
  });

  for (const [what, line] of [['CR LF', 'RETR a\r\nDELE b'], ['LF', 'RETR a\nDELE b'], ['CR', 'RETR a\rb'], ['NUL', 'RETR a\0b']] as const) {
    it(`refuses ${what}`, () => expect(() => new Command(line, utf8)).to.throw(ArgumentError));
  }

  it('refuses characters that would become CR LF in the encoding', () => {
    expect(() => new Command('RETR a\u010d\u010aDELE b', latin1)).to.throw(ArgumentError);
  });

  it('refuses CR LF that a caller’s own codec makes', () => {
    const codec = { encode: (text: string) => Buffer.from(text.replace('|', '\n')), decode: (bytes: Uint8Array) => Buffer.from(bytes).toString().replace('\n', '|') };
    expect(() => new Command('RETR a|b', codec)).to.throw(ArgumentError);
  });

  it('refuses lone surrogates, which UTF-8 cannot express', () => {
    expect(() => new Command('RETR \ud800', utf8)).to.throw(ArgumentError);
  });

  for (const line of ['', ' ', ' RETR a']) {
    it(`refuses a line without a verb: ${JSON.stringify(line)}`, () => expect(() => new Command(line, utf8)).to.throw(ArgumentError));
  }

  it('doubles 0xFF, which Telnet takes for IAC', () => {
    expect(new Command('RETR \xff', latin1).bytes).to.deep.equal(Buffer.from([...Buffer.from('RETR '), 0xff, 0xff, 0x0d, 0x0a]));
  });

  for (const line of ['PASS secret word', 'pass secret word', 'ACCT secret word', 'SITE PSWD secret word', 'site  passwd secret word', 'SITE CHPASS secret word', 'SITE CHANGEPASSWORD secret word', 'PASS  secret word', 'PASS\tsecret word']) {
    it(`shows no secret: ${line.replace(/\s+secret.*/, '')}`, () => {
      const command = new Command(line, utf8);
      expect(command.shown).to.match(/ \*{4}$/).and.not.include('secret');
      expect(command.bytes.toString()).to.equal(`${line}\r\n`);
    });
  }

  for (const line of ['RETR PASS x', 'SITE CHMOD 644 passwd', 'SITE UTIME passwd x', 'PASV', 'PASSIVE x']) it(`shows what is no secret: ${line}`, () => expect(new Command(line, utf8).shown).to.equal(line));
});

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import { ArgumentError, LimitError } from '../../lib/errors';
import type { Entry } from '../../lib/listing/entry';
import { ListParser, type ListParserOptions, parseList } from '../../lib/listing/list-parser';

const unix = (name: string, type = '-'): string => `${type}rw-r--r-- 1 u g 1 Jan 1 2020 ${name}`;

function names(listing: string, options: ListParserOptions = {}): string[] {
  return parseList(listing, options).map(({ name }) => name);
}

function unparsedOf(listing: string, options: ListParserOptions = {}): string[] {
  const unparsed: string[] = [];
  parseList(listing, { ...options, onUnparsed: (line) => void unparsed.push(line) });
  return unparsed;
}

describe('ListParser', () => {
  it('turns bytes into entries', async () => {
    const entries: Entry[] = [];
    await pipeline(Readable.from([Buffer.from('type=file;size=6; a\r\ntype=d'), Buffer.from('ir; b')]), new ListParser(), async (source: AsyncIterable<Entry>) => {
      for await (const entry of source) entries.push(entry);
    });
    expect(entries).to.deep.equal([
      { name: 'a', type: 'file', size: 6, facts: { type: 'file', size: '6' }, raw: 'type=file;size=6; a' },
      { name: 'b', type: 'directory', facts: { type: 'dir' }, raw: 'type=dir; b' },
    ]);
  });

  it('tells of a line that it cannot read, and goes on', async () => {
    const parser = new ListParser();
    const unparsed: string[] = [];
    parser.on('unparsed', (line: string) => void unparsed.push(line));
    parser.end(`${unix('a')}\r\nls: b: Permission denied\r\n${unix('c')}\r\n`);
    expect((await parser.toArray()).map(({ name }: Entry) => name)).to.deep.equal(['a', 'c']);
    expect(unparsed).to.deep.equal(['ls: b: Permission denied']);
  });

  it('reads a buffer that is filled and written again as what it holds by then', async () => {
    const parser = new ListParser();
    const buffer = Buffer.from(`${unix('a')}\n`);
    parser.write(buffer);
    buffer.write('b', buffer.length - 2);
    parser.end(buffer);
    expect((await parser.toArray()).map(({ name }: Entry) => name)).to.deep.equal(['a', 'b']);
  });

  it('fails with LimitError for a line that is too long', async () => {
    const parser = new ListParser({ maxLineBytes: 100 });
    const failed = pipeline(Readable.from([Buffer.from(unix('a')), Buffer.alloc(200, 'b')]), parser.resume());
    const error: unknown = await failed.catch((reason: unknown) => reason);
    expect(error).to.be.an.instanceOf(LimitError);
    expect(parser.destroyed).to.equal(true);
  });

  it('refuses a format that there is not', () => {
    expect(() => new ListParser({ format: 'none' as 'unix' })).to.throw(ArgumentError, 'none');
  });
});

describe('the format of a listing', () => {
  it('is the one of the first line that shows one, and is kept', () => {
    const listing = ['total 2', unix('04-06-00  03:47PM  589 x'), 'type=file; y', '04-06-00  03:47PM  589 z', unix('w')].join('\r\n');
    expect(names(listing)).to.deep.equal(['04-06-00  03:47PM  589 x', 'w']);
    expect(unparsedOf(listing)).to.deep.equal(['type=file; y', '04-06-00  03:47PM  589 z']);
  });

  it('waits for a line that says something', () => {
    expect(names(`\r\nwelcome\r\ntotal 1\r\ntype=file; a\r\n`)).to.deep.equal(['a']);
  });

  it('is not that of a header only, nor of half an entry', () => {
    for (const line of ['Directory DISK:[ANON]', 'Volume Unit    Referred Ext Used', ' Volume in drive C is X', 'NAME.TXT;1', 'Total of 2 files']) {
      expect(names([line, unix('a'), unix('b')].join('\r\n')), line).to.deep.equal(['a', 'b']);
    }
  });

  it('is the one that is given, and no other', () => {
    expect(names('04-06-00  03:47PM  589 x', { format: 'unix' })).to.deep.equal([]);
    expect(names(' no facts', { format: 'mlsd' })).to.deep.equal(['no facts']);
    expect(names(' no facts')).to.deep.equal([]);
  });
});

describe('the lines of a listing', () => {
  it('end in LF, CRLF, or CR CR LF, and the last in nothing', () => {
    for (const end of ['\n', '\r\n', '\r\r\n']) {
      expect(names(`${unix('a')}${end}${unix('b')}${end}${unix('c')}`)).to.deep.equal(['a', 'b', 'c']);
    }
  });

  it('keep a CR that is in a name', () => expect(names(`${unix('a\rb')}\r\n`)).to.deep.equal(['a\rb']));

  it('may hold an LF in a name where all of them end in CRLF', () => {
    expect(names(`${unix('a')}\r\n${unix('b')}\r\n${unix('c\nd')}\r\n${unix('e')}\r\n`)).to.deep.equal(['a', 'b', 'c\nd', 'e']);
    expect(names(`${unix('a')}\r\n${unix('b')}\r\n${unix('c\n\nd\ne')}\r\n`)).to.deep.equal(['a', 'b', 'c']);
  });

  it('are lines where they end in LF from somewhere on', () => {
    const listing = ['a', 'b'].map((name) => `${unix(name)}\r\n`).join('') + ['c', 'd', 'e'].map((name) => `${unix(name)}\n`).join('');
    expect(names(listing)).to.deep.equal(['a', 'b', 'c', 'd', 'e']);
    expect(names(`${listing}junk\r\n${unix('f')}`)).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('are nothing when they hold NUL, which is in no name', () => {
    expect(names(unix('a\0b'))).to.deep.equal([]);
    expect(unparsedOf(unix('a\0b'))).to.have.lengthOf(1);
  });
});

describe('what is no entry', () => {
  for (const line of ['total 14', 'total 4.0K', 'Gesamt 4352', 'итого 8', '总用量 12', '合計 0', '', '   ', '.:', './sub:', '213-Status follows:', '213 End of status']) {
    it(`${JSON.stringify(line)} is not, nor is it reported`, () => {
      expect(names(`${line}\r\n${unix('a')}\r\n${line}`)).to.deep.equal(['a']);
      expect(unparsedOf(`${line}\r\n${unix('a')}\r\n${line}`)).to.deep.equal([]);
    });
  }

  it('the folder itself and the one above are not, unless they are wanted', () => {
    const listing = [unix('.', 'd'), unix('..', 'd'), unix('...', 'd')].join('\n');
    const facts = 'type=cdir; /pub\ntype=pdir; /\nType=CDIR; x\ntype=dir; .\ntype=dir; a\n';
    expect(names(listing)).to.deep.equal(['...']);
    expect(names(listing, { keepDots: true })).to.deep.equal(['.', '..', '...']);
    expect(names(facts)).to.deep.equal(['a']);
    expect(names(facts, { keepDots: true })).to.deep.equal(['/pub', '/', 'x', '.', 'a']);
  });

  it('a listing of nothing is empty', () => {
    expect(parseList('')).to.deep.equal([]);
    expect(parseList(Buffer.alloc(0))).to.deep.equal([]);
  });
});

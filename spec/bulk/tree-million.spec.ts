import { expect } from 'chai';
import { mirror, type MirrorOptions } from '../../lib/bulk/mirror';
import { walk } from '../../lib/bulk/walk';
import { LimitError, SecurityError, type FTP } from '../../lib/index';
import { scene } from '../support/client';
import { note } from '../support/summary';
import { Heap } from '../support/heap';
import { line, listing } from './tree-listing';
import { Scratch } from './tree-scratch';

const MILLION = 1_000_000;
/** What takes minutes is smaller where nobody asks for more. */
const MANY = process.env['FTPLIB_LONG'] === '1' ? MILLION : 100_000;
const BAD = ['../up', '/etc/evil', 'a/b', 'back\\slash', 'C:evil', 'NUL.txt', 'trailing.', '..'];
const LYING = 999_999_999_999_999;

/** One name in ten thousand is hostile, one is a folder that holds the million again, and each size is a lie. */
function* hostile(count: number): Generator<string> {
  for (let i = 0; i < count; i++) {
    if (i % 10_000 !== 0) yield line(`entry-with-a-name-of-some-length-${i}`, { size: LYING });
    else yield i === 0 ? line('self', { type: 'dir', unique: 'U' }) : line(BAD[(i / 10_000) % BAD.length] ?? '', { size: LYING });
  }
}

describe('a hostile folder without end', function () {
  this.timeout(300_000);
  const stage = scene();
  const scratch = new Scratch();

  async function client(count: number): Promise<FTP> {
    const unique = (): Iterable<string> => (function* () { yield line('.', { type: 'cdir', unique: 'U' }); yield* hostile(count); })();
    return stage.client(await stage.serve({ files: { '/top/': '' }, script: { MLSD: listing(unique) } }), { timeout: 60_000 });
  }

  it(`of ${MANY} entries is walked in flat memory`, async () => {
    const ftp = await client(MANY);
    const heap = new Heap();
    const leftOut: string[] = [];
    let seen = 0;
    const stream = walk(ftp, '/top', { depth: 1 }).on('unreadable', ({ path, error }) => leftOut.push(`${error.name} ${path}`));
    for await (const { name } of stream) if (name !== '' && ++seen % (MANY / 10) === 0) heap.note();
    tell(seen, heap);
    expect(seen + leftOut.length).to.be.within(MANY - MANY / 10_000, MANY);
    expect(new Set(leftOut.map((text) => text.split(' ')[0]))).to.deep.equal(new Set([SecurityError.name]));
    expect(heap.most).to.be.below(24);
  });

  for (const [what, count, most, options] of [
    ['mirrored where nothing is', MILLION, 96, {}],
    ['mirrored with delete', MANY, MANY / 6000, { delete: true }],
  ] as readonly (readonly [string, number, number, Partial<MirrorOptions>])[]) {
    it(`of ${count} entries is ${what} in bounded memory`, async () => {
      const ftp = await client(count);
      if (options.delete) await scratch.put('copy', { old: 'x' });
      const before = await scratch.tree('');
      const heap = new Heap();
      const counts: Record<string, number> = {};
      let seen = 0;
      const results = mirror({ from: { client: ftp, path: '/top' }, to: scratch.path('copy'), depth: 1, dryRun: true, continueOnError: true, ...options });
      for await (const { action, error, path } of results) {
        counts[action] = (counts[action] ?? 0) + 1;
        if (error && !(error instanceof SecurityError)) expect.fail(`${path}: ${error.stack}`);
        if (++seen % (count / 10) === 1) heap.note();
      }
      tell(seen, heap);
      expect(counts['failed']).to.be.within((count / 10_000) * 0.8, count / 10_000);
      expect(counts['downloaded']).to.equal(count - count / 10_000);
      expect(counts['deleted']).to.equal(options.delete ? 1 : undefined);
      expect(await scratch.tree('')).to.deep.equal(before);
      expect(heap.most).to.be.below(most);
    });
  }

  it('of more than may be remembered is a LimitError, and the folder after it is fetched', async () => {
    const folders = (path: string): Iterable<string> => (path === '/top' ? [line('huge', { type: 'dir' }), line('last', { type: 'dir' })] : path === '/top/huge' ? hostile(50_000) : [line('file')]);
    const ftp = stage.client(await stage.serve({ script: { MLSD: listing(folders) } }));
    const counts = new Map<string, number>();
    const results = mirror({ from: { client: ftp, path: '/top' }, to: scratch.path('copy'), dryRun: true, continueOnError: true, maxPendingBytes: 1_000_000 });
    for await (const { action, error, path } of results) {
      const key = error ? error.name : path.startsWith('huge/') ? `${action} huge` : `${action} ${path}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.get(LimitError.name)).to.be.greaterThan(0);
    expect([...counts.keys()]).to.include.members(['created last', 'downloaded last/file']);
  });
});

function tell(seen: number, heap: Heap): void {
  note('measured', `a hostile folder, ${seen} entries: at most ${heap.most.toFixed(1)} MiB more than before`);
}

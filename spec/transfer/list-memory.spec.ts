import { expect } from 'chai';
import { scene } from '../support/client';
import { note } from '../support/summary';

const COUNT = process.env['FTPLIB_LONG'] === '1' ? 1_000_000 : 250_000;

describe(`a listing of ${COUNT} entries`, () => {
  const stage = scene();

  it('goes through list() in order and in flat memory, however slowly it is read', async () => {
    function* entries(): Generator<{ name: string; size: number }> {
      for (let index = 0; index < COUNT; index++) yield { name: `file-${index}`, size: index };
    }
    const server = await stage.serve({ files: { '/big': { entries } } });
    const ftp = stage.client(server);
    let count = 0;
    let highest = 0;
    const before = process.memoryUsage();
    const listing = ftp.list('/big');
    for await (const { name, size } of listing) {
      if (name !== `file-${count}` || size !== count) expect({ name, size }).to.deep.equal({ name: `file-${count}`, size: count });
      count += 1;
      if (listing.readableLength > 1000) expect(listing.readableLength, 'entries that wait').to.be.at.most(1000); // however large the chunk was
      if (count % 5000 !== 0) continue;
      await new Promise((resolve) => setImmediate(resolve));
      const { heapUsed, external } = process.memoryUsage();
      highest = Math.max(highest, heapUsed + external - before.heapUsed - before.external);
    }
    expect(count).to.equal(COUNT);
    note('measured', `list, ${COUNT} entries: at most ${Math.round(highest / 1024 / 1024)} MiB more than before, garbage included`);
    expect(highest).to.be.below(300 * 1024 * 1024);
  });
});

import { expect } from 'chai';
import { FTPPool } from '../../lib/index';
import { scene } from '../support/client';
import { content } from '../support/server/content';
import { FEATURES } from '../support/server/server-options';
import { gate } from '../support/server/gate';
import type { Session } from '../support/server/session';
import { Scratch } from './tree-scratch';

const MANY = 16;

describe('more transfers at a time than Node takes for usual', () => {
  const stage = scene();
  const scratch = new Scratch();
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', onWarning);
  });
  afterEach(() => process.off('warning', onWarning));

  /** All transfers of that kind wait for each other. */
  async function poolOf(verb: 'RETR' | 'STOR', files: Readonly<Record<string, string>>): Promise<FTPPool> {
    const together = gate();
    let begun = 0;
    const wait = (session: Session): Promise<void> => {
      if (++begun === MANY) together.open();
      return together.promise.then(() => session.normal());
    };
    const { host, port } = await stage.serve({ files: { ...files, '/big': content(MANY * 300_000) }, features: FEATURES, script: { [verb]: wait } });
    return new FTPPool({ host, port, user: 'user', password: 'secret', connections: MANY });
  }

  const FILES = Object.fromEntries(Array.from({ length: MANY }, (_, n) => [`file-${n}`, `text ${n}`]));

  for (const what of ['downloadTree', 'uploadTree', 'get in segments', 'retr in segments'] as const) {
    it(`warns of no leak: ${what}`, async () => {
      await scratch.put('source', FILES);
      const pool = await poolOf(what === 'uploadTree' ? 'STOR' : 'RETR', Object.fromEntries(Object.entries(FILES).map(([name, text]) => [`/top/${name}`, text])));
      try {
        if (what === 'downloadTree') await pool.downloadTree('/top', scratch.path('copy')).toArray();
        else if (what === 'uploadTree') await pool.uploadTree(scratch.path('source'), '/up').toArray();
        else if (what === 'get in segments') await pool.get('/big', scratch.path('big'), { segments: MANY });
        else for await (const _ of pool.retr('/big', { segments: MANY })); // its end is all that matters
      } finally {
        pool.close();
      }
      await new Promise(setImmediate);
      expect(warnings).to.deep.equal([]);
    });
  }
});

import { note } from '../support/summary';
import { checkMutants } from './mutants';
import { settings } from './settings';
import { soak } from './soak';
import { targets } from './targets';

/** Always the same in CI, so that what fails there is what was changed; other seeds are for runs by hand. */
const SEED = 16;

describe('whatever is done, cancelled and cut', function () {
  this.timeout(0);

  it('leaves each file as the model says, on every server', async () => {
    const { server, ...chosen } = settings(SEED);
    const all = targets(server);
    const { operations, milliseconds, reports } = await soak({ ...chosen, targets: all });
    note('measured', `the model, seed ${chosen.seed}: ${operations} operations on ${all.length} servers in ${(milliseconds / 1000).toFixed(0)} s`);
    if (reports.length > 0) throw new Error(reports.map(({ text }) => text).join('\n\n'));
  });

  it('has mutants that can be made of lib as it is', () => {
    checkMutants();
  });
});

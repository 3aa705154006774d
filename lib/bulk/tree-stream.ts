import { setMaxListeners } from 'node:events';
import type { Remote } from './remote';
import { Flow } from './tree-flow';
import type { TreeResult, TreeSettings } from './tree-options';
import { perform, type Step } from './tree-run';

/** What tree transfers are: a Readable with a `TreeResult` for each file and folder. */
export class TreeStream extends Flow<TreeResult> {
  /** @internal use `downloadTree`, `uploadTree` or `mirror` */
  constructor(remote: Remote, plan: (signal: AbortSignal) => AsyncGenerator<Step, void, void>, settings: TreeSettings) {
    super(remote, (stop) => {
      const controller = new AbortController();
      setMaxListeners(0, controller.signal); // each transfer listens to it
      stop.addEventListener('abort', () => controller.abort(stop.reason), { once: true });
      return perform(plan(controller.signal), settings, controller);
    }, settings.signal);
  }
}

import { NODE_PEERS } from '../contender';
import { smallName } from '../files';
import type { Job } from '../job';
import { FIRST_BYTE, PEAK } from './measures';

/** From the start of the process to the first byte of a file. */
export const START: Job = {
  name: 'start',
  title: 'from the start of the process to the first byte of a file',
  where: 'plain',
  content: ['small'],
  contenders: ['ours', 'before', 'net', ...NODE_PEERS, 'python', 'curl', 'lftp'],
  measures: [FIRST_BYTE, PEAK],
  targets: [],
  work: () => ({ kind: 'print', name: `small/${smallName(1)}` }),
};

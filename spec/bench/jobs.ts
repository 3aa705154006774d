import type { Scale } from './files';
import type { Job } from './job';
import { bigFileJobs } from './jobs/big-files';
import { listingJobs } from './jobs/listings';
import { parserJobs } from './jobs/parsers';
import { roundTripJobs } from './jobs/round-trips';
import { smallFileJobs } from './jobs/small-files';
import { START } from './jobs/start';

/** All that there is to do, in the order of the table. */
export function allJobs(scale: Scale): Job[] {
  return [...bigFileJobs(scale), ...smallFileJobs(scale), ...listingJobs(scale), ...parserJobs(scale), START, ...roundTripJobs(scale)];
}

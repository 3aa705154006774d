import type { Place } from '../work';
import type { Client } from './client';
import { clientOf } from './ours';

/** This library by a caller who awaits each transfer before calling the next. */
export function open(place: Place): Promise<Client> {
  return clientOf(place, 1);
}

import { ArgumentError } from '../errors';
import { chameleon } from './chameleon';
import { dos } from './dos';
import { enterprise } from './enterprise';
import { eplf } from './eplf';
import type { ListFormat, ListFormatName } from './format';
import { mlsx } from './mlsx';
import { mvs } from './mvs';
import { netware } from './netware';
import { nonstop } from './nonstop';
import { nortel } from './nortel';
import { numeric } from './numeric';
import { os2 } from './os2';
import { os400 } from './os400';
import { os9 } from './os9';
import { unix, unixAnyMode } from './unix';
import { vm } from './vm';
import { vms } from './vms';
import { vshell } from './vshell';

/** At least one. */
type Formats = readonly [ListFormat, ...ListFormat[]];

/** In the order in which they are tried: what only one server could have printed comes first. */
const FORMATS: Formats = [
  unix,
  mlsx,
  dos,
  eplf,
  netware,
  vms,
  os400,
  mvs,
  os2,
  nonstop,
  vm,
  enterprise,
  vshell,
  nortel,
  os9,
  numeric,
  chameleon,
  unixAnyMode,
];

/**
 * The formats that a listing can be in.
 *
 * @param name the only one, where the caller knows it
 * @throws ArgumentError for a name that there is not
 */
export function formatsFor(name?: ListFormatName): Formats {
  if (name === undefined) return FORMATS;
  const format = FORMATS.findLast((candidate) => candidate.name === name); // of two the more lenient one
  if (format === undefined) throw new ArgumentError(`there is no listing format ${JSON.stringify(name)}`);
  return [format];
}

/** What keeps the process alive, by kind. */
export type Snapshot = ReadonlyMap<string, number>;

/** Sockets, their listeners, DNS, files and timers; timers that are not ref'd do not show. */
const WATCHED = /^(TCP|TLS|Pipe|UDP|Timeout|GetAddrInfo|FSReq)/;
/** Turns of the event loop that closing may take. */
const PATIENCE = 500;

/** What is open now; taken before that which must not leak. */
export function snapshot(): Snapshot {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) if (WATCHED.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Resolves as soon as nothing is open beyond `before`. @throws Error naming what is left after some hundred turns of the event loop */
export async function assertNoLeaks(before: Snapshot): Promise<void> {
  for (let turn = 0; turn < PATIENCE; turn++) {
    if (beyond(before).length === 0) return;
    await new Promise(setImmediate);
  }
  const left = beyond(before);
  if (left.length > 0) throw new Error(`left open: ${left.join(', ')}`);
}

function beyond(before: Snapshot): string[] {
  return [...snapshot()].flatMap(([kind, count]) => {
    const more = count - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
}

/** What keeps the process alive, by kind. */
export type Snapshot = ReadonlyMap<string, number>;

/** Sockets, their listeners, DNS, files and timers; timers that are not ref'd do not show. */
const WATCHED = /^(TCP|TLS|Pipe|UDP|Timeout|GetAddrInfo|FSReq)/;
/** Turns of the event loop that closing may take. */
const PATIENCE = 500;

/** What is open now; taken before that which must not leak. */
export async function snapshot(): Promise<Snapshot> {
  // A test's own timer is set when its first turn is over; from then on it counts in every snapshot.
  await new Promise(setImmediate);
  return count();
}

/** Resolves as soon as nothing is open beyond `before`. @throws Error naming what is left after some hundred turns of the event loop */
export async function assertNoLeaks(before: Snapshot): Promise<void> {
  for (let turn = 0; turn < PATIENCE; turn++) {
    await new Promise(setImmediate);
    if (beyond(before).length === 0) return;
  }
  throw new Error(`left open: ${beyond(before).join(', ')}`);
}

/** What is open beyond `before` and stays so for that many milliseconds; empty as soon as there is nothing. */
export async function leftBeyond(before: Snapshot, milliseconds: number): Promise<string> {
  const end = Date.now() + milliseconds;
  for (;;) {
    try {
      await assertNoLeaks(before);
      return '';
    } catch (error) {
      if (Date.now() > end) return (error as Error).message;
    }
  }
}

function count(): Snapshot {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) if (WATCHED.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

function beyond(before: Snapshot): string[] {
  return [...count()].flatMap(([kind, now]) => {
    const more = now - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
}

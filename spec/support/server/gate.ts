/** A point that a script waits at until a spec lets it through. */
export interface Gate {
  readonly promise: Promise<void>;
  /** Lets through whoever waits, and whoever comes later. */
  open(): void;
}

/** A closed gate; `until(gate)` in a script and `await gate.promise` in a spec wait for it. */
export function gate(): Gate {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** One turn of the event loop in which sockets of this process are read. */
export async function turn(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}

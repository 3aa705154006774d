/** Which of FTP's two connections. */
export type Link = 'control' | 'data';
/** Which way the bytes go. */
export type Direction = 'toClient' | 'toServer';
/** What the network does to a connection. */
export type FaultKind = 'fin' | 'rst' | 'freeze' | 'delay' | 'split' | 'corrupt';

/** One fault, at one byte of one direction of one connection. */
export interface Plan {
  readonly on: Link;
  readonly direction: Direction;
  /** Bytes of that direction that pass unharmed, counted per connection, and from `arm()` on where it was there before. */
  readonly at: number;
  readonly kind: FaultKind;
  /** Milliseconds of a delay, or the bytes that are sent one by one of a split; default 20. */
  readonly amount?: number;
}

/** Bytes that passed in each direction of each kind of connection. */
export type Traffic = Record<Link, Record<Direction, number>>;

/** The one fault that a proxy is to make, and what has passed since it was armed. */
export class Trigger {
  traffic: Traffic = none();
  fired = false;
  #plan: Plan | undefined;

  /** Sets the next fault; none without a plan. */
  arm(plan: Plan | undefined): void {
    this.#plan = plan;
    this.fired = false;
    this.traffic = none();
  }

  /** Hands the plan out, once, when its byte is among those from `from` to `to`; a corrupted byte has to be there. */
  due(on: Link, direction: Direction, from: number, to: number): Plan | undefined {
    const plan = this.#plan;
    if (!plan || plan.on !== on || plan.direction !== direction) return undefined;
    if (plan.at < from || plan.at > to || (plan.kind === 'corrupt' && plan.at === to)) return undefined;
    this.#plan = undefined;
    this.fired = true;
    return plan;
  }
}

function none(): Traffic {
  return { control: { toClient: 0, toServer: 0 }, data: { toClient: 0, toServer: 0 } };
}

import type { Place } from '../control/turns';

/** Downloads that are piped into uploads of the same pool: neither gets on without the other. */
export class Couples {
  readonly #sinks = new WeakMap<Place, Set<Place>>();
  readonly #feeders = new WeakMap<Place, Set<Place>>();

  /** False where the download and all that it is piped into are more than can run at a time. */
  add(download: Place, upload: Place, most: number): boolean {
    const sinks = [...(this.#sinks.get(download) ?? []), upload].filter((place) => !place.over);
    if (1 + sinks.length > most) return false;
    this.#sinks.set(download, new Set(sinks));
    this.#feeders.set(upload, new Set([...(this.#feeders.get(upload) ?? []), download].filter((place) => !place.over)));
    return true;
  }

  /** What is at the other end of the place's pipes. */
  partnersOf(place: Place): Place[] {
    return [...(this.#sinks.get(place) ?? []), ...(this.#feeders.get(place) ?? [])];
  }

  /** Of operations that all wait for partners, and so keep the connections that these would need: an upload that must go. */
  deadlocked(running: readonly Place[]): Place | undefined {
    if (running.length === 0 || !running.every((place) => this.#isBlocked(place) || this.#starves(place))) return undefined;
    const uploads = running.flatMap((place) => [...(this.#sinks.get(place) ?? []), place]).filter((place) => this.#feeders.has(place));
    return uploads.find((place) => place.waiting) ?? uploads[0];
  }

  /** A download that can give its bytes to nobody yet. */
  #isBlocked(place: Place): boolean {
    return place.paused && [...(this.#sinks.get(place) ?? [])].some((sink) => sink.waiting);
  }

  /** An upload whose bytes do not come yet. */
  #starves(place: Place): boolean {
    const feeders = [...(this.#feeders.get(place) ?? [])].filter((feeder) => !feeder.over);
    return feeders.length > 0 && feeders.every((feeder) => feeder.waiting || this.#isBlocked(feeder));
  }
}

import { FTP, FTPError, isFTPError, ReplyError, TimeoutError, type FTPOptions } from '../../../lib/index';
import { FaultProxy, type Direction, type FaultKind, type Plan, type Traffic } from '../fault-proxy';
import { KNOWN, OPERATIONS, type Operation, type Scene, type Store } from './operations';
import { PhaseWatch } from './phase';

/** A server, and what the client is told about TLS. */
export interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** What it has in that folder. */
  store(folder: string): Store;
  readonly secure: false | 'explicit' | 'implicit';
  readonly ca?: Buffer;
}

/** How a lane's client makes its data connections; `seam`: every connection comes from `createConnection`. */
export type Mode = 'EPSV' | 'PASV' | 'EPRT' | 'PORT' | 'seam';

/** What the whole run shares about a server. */
export interface Stage {
  readonly folder: string;
  readonly store: Store;
  readonly facts: ReadonlyMap<string, string>;
  readonly features: ReadonlyMap<string, string>;
  /** What passes when nothing goes wrong, by mode and operation. */
  readonly traffic: Map<string, Promise<Traffic>>;
}

/** How one operation ended. */
export interface Outcome {
  readonly plan: Plan;
  readonly fired: boolean;
  /** The error's class, or undefined when the operation was complete. */
  readonly error: string | undefined;
  /** What must not be. */
  readonly problems: readonly { readonly kind: 'wrong success' | 'hang' | 'leak' | 'error' | 'out of step'; readonly text: string }[];
  readonly transcript: readonly string[];
}

type Problem = Outcome['problems'][number];

const TIMEOUT = 1000;
/** Milliseconds after which an operation hangs: every one of the client's timeouts could have fired many times over. */
const HANG = 60_000;
/** Milliseconds for a client that meets no fault, on a busy machine. */
const PATIENCE = 60_000;
/** How often a client with short timeouts may find a busy machine too slow, where no fault is in its way. */
const ATTEMPTS = 30;
const SIZES = [0, 1, 700, 5000, 70_000, 400_000] as const;
const KINDS: readonly FaultKind[] = ['fin', 'rst', 'freeze', 'delay', 'split', 'corrupt'];

/** One client after another on one server in one mode, and the proxy that they go through. */
export class Lane {
  /** Preparations that failed, and were tried again. */
  repeated = 0;
  #client: FTP | undefined;
  #patient: FTP | undefined;

  private constructor(
    readonly target: Target,
    readonly mode: Mode,
    private readonly stage: Stage,
    private readonly proxy: FaultProxy,
    private readonly helper: FTP,
  ) {}

  /** Opens the proxy; nothing is connected yet. */
  static async open(target: Target, mode: Mode, stage: Stage): Promise<Lane> {
    const { host, port, user, password } = target;
    const helper = new FTP({ host, port, user, password, ...security(target) });
    return new Lane(target, mode, stage, await FaultProxy.open(target), helper);
  }

  /** The operation that `random` chooses, with the fault that it chooses. */
  async run(name: string, random: () => number): Promise<Outcome & { readonly operation: string }> {
    const usable = OPERATIONS.filter(({ needs }) => needs === undefined || this.stage.features.has(needs));
    const operation = pick(usable, random);
    const warm = random() < 0.75;
    const size = pick(SIZES, random);
    const payload = Buffer.from(Array.from({ length: Math.min(size, 251) }, () => Math.floor(random() * 256)));
    const bytes = Buffer.alloc(size, payload.length > 0 ? payload : undefined);
    const draft = this.#draft(operation, random);
    const label = `${this.target.name} ${this.mode} ${operation.name} (${size} bytes, ${warm ? 'warm' : 'cold'})`;
    let plan: Plan = { ...draft, at: 0 };
    try {
      const total = (await this.#measure(operation, warm, size, name, bytes))[draft.on][draft.direction];
      plan = { ...draft, at: Math.min(total, Math.floor(draft.fraction * (total + 1))) };
      return { ...(await this.#trial(operation, warm, name, bytes, plan)), operation: label };
    } catch (error) {
      const problem = { kind: 'error', text: `without a fault: ${(error as Error).stack}` } as const;
      return { plan, fired: false, error: undefined, problems: [problem], transcript: [], operation: label };
    }
  }

  /** Closes all; returns the number of sockets that the client left open. */
  async close(): Promise<number> {
    this.#client?.close();
    this.#patient?.close();
    this.helper.close();
    return this.proxy.close();
  }

  /** A fault that FTP can show: without an announced size nothing tells a FIN from the end, nor a flipped byte from another. */
  #draft(operation: Operation, random: () => number): Omit<Plan, 'at'> & { fraction: number } {
    const tls = this.target.secure !== false;
    const on = operation.transfer !== undefined && random() < 0.6 ? 'data' : 'control';
    let direction: Direction = random() < 0.5 ? 'toClient' : 'toServer';
    if (on === 'data' && !tls && random() < 0.9) direction = operation.transfer === 'down' ? 'toClient' : 'toServer';
    let kind = pick(KINDS, random);
    if (on === 'data' && kind === 'corrupt' && !tls) kind = 'rst';
    if (on === 'data' && kind === 'fin' && operation.unsized && !tls) kind = 'rst';
    if (on === 'control' && kind === 'corrupt' && !tls && !tellsCorruption(operation, direction)) kind = 'freeze';
    const fraction = random();
    return { on, direction, kind, fraction, amount: 1 + Math.floor(random() * 60) };
  }

  /** What passes when nothing goes wrong. */
  #measure(operation: Operation, warm: boolean, size: number, name: string, payload: Buffer): Promise<Traffic> {
    const { traffic } = this.stage;
    const key = `${this.mode} ${operation.name} ${warm} ${size}`;
    const measured = traffic.get(key) ?? this.#pass(operation, warm, name, payload);
    traffic.set(key, measured);
    measured.catch(() => traffic.delete(key));
    return measured;
  }

  async #pass(operation: Operation, warm: boolean, name: string, payload: Buffer): Promise<Traffic> {
    for (let attempt = 1; ; attempt++) {
      const patient = warm ? (this.#patient ??= this.#create(PATIENCE)) : this.#create(PATIENCE);
      const scene = await this.#scene(operation, patient, warm, `${name}.0${attempt}`, payload);
      this.proxy.arm();
      const ending = await within(operation.act(scene), 2 * PATIENCE);
      const { traffic } = this.proxy;
      if (!warm) patient.close();
      else if (operation.ends) this.#patient = undefined;
      if (ending === undefined) return traffic;
      // Two clients that ask for a STOU at once may be given one name: vsftpd 3.0.3 refuses the second.
      this.repeated += 1;
      if (attempt === ATTEMPTS || !(ending instanceof ReplyError)) throw new Error(String(ending), { cause: ending });
    }
  }

  async #trial(operation: Operation, warm: boolean, name: string, payload: Buffer, plan: Plan): Promise<Outcome> {
    const problems: Problem[] = [];
    const ftp = warm ? (this.#client ??= this.#create(TIMEOUT)) : this.#create(TIMEOUT);
    const scene = await this.#scene(operation, ftp, warm, name, payload);
    const watch = new PhaseWatch(scene.ftp, warm, this.target.secure !== false);
    this.proxy.arm(plan);
    const ending = await within(operation.act(scene));
    const { fired } = this.proxy;
    if (ending === 'hang') problems.push({ kind: 'hang', text: 'the operation does not end' });
    else if (typeof ending === 'string') problems.push({ kind: 'wrong success', text: ending });
    const failure = ending instanceof Error ? ending : undefined;
    if (failure) problems.push(...this.#judge(failure, operation, scene, watch, plan));
    watch.transcript.push(`-- ended: ${failure?.message ?? (ending || 'complete')}`);
    const repeated = this.#repeated();
    this.proxy.arm();
    if (repeated) problems.push({ kind: 'error', text: `sent more than once: ${repeated}` });
    problems.push(...(await this.#useAgain(scene.ftp, operation, fired && plan.on === 'control')));
    watch.end();
    await this.#leave(scene.ftp, warm && !operation.ends, problems);
    return { plan, fired, error: failure?.constructor.name, problems, transcript: watch.transcript };
  }

  /** A client in a state that depends on nothing that was before, so that the operation can be replayed alone. */
  async #scene(operation: Operation, ftp: FTP, warm: boolean, name: string, payload: Buffer): Promise<Scene> {
    this.proxy.arm();
    const { folder, store, facts } = this.stage;
    const scene: Scene = { ftp, helper: this.helper, folder, store, name, payload, facts };
    await this.#prepared(() => operation.prepare?.(scene));
    if (warm) await this.#prepared(() => this.#warmUp(ftp));
    return scene;
  }

  /** The mode is proven, the type is I. */
  async #warmUp(ftp: FTP): Promise<void> {
    await ftp.cwd('/');
    for await (const _ of ftp.retr(`${this.stage.folder}/${KNOWN.name}`));
  }

  /**
   * What only prepares is tried again, and counted: a busy machine may be slower than the client's short timeouts, ProFTPD runs
   * out of passive ports, and on ports that many clients share vsftpd can take another client's late connection.
   */
  async #prepared(act: () => Promise<void> | undefined): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await act();
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof FTPError)) throw error;
        this.repeated += 1;
      }
    }
  }

  #create(timeout: number): FTP {
    const { target, mode, proxy } = this;
    const { host, user, password } = target;
    const through = mode === 'seam' || target.secure !== false ? { port: target.port, createConnection: proxy.createConnection } : { port: proxy.port };
    const ftp = new FTP({
      host,
      user,
      password,
      ...through,
      ...security(target),
      timeout,
      connectTimeout: 3 * timeout, // TLS handshakes of many clients at once
      passive: mode !== 'EPRT' && mode !== 'PORT',
      ...(mode === 'seam' ? {} : { extended: mode === 'EPSV' || mode === 'EPRT' }),
    });
    if (target.secure !== false) redirectActive(ftp, proxy);
    return ftp;
  }

  /** The error is one of ours, says where it happened, and whether the server may have done it all the same. */
  #judge(failure: Error, operation: Operation, scene: Scene, watch: PhaseWatch, { on }: Plan): Problem[] {
    const bad = (text: string): Problem => ({ kind: 'error', text });
    if (!isFTPError(failure) || !(failure instanceof FTPError)) return [bad(`no error of this library: ${String((failure as Error).stack)}`)];
    const problems: Problem[] = [];
    const allowed = watch.allowed(scene, failure);
    if (!allowed.includes(failure.phase)) problems.push(bad(`phase ${failure.phase} instead of ${allowed.join(' or ')}: ${failure.message}`));
    const { bytesTransferred } = failure;
    if (scene.stream && failure.phase !== 'connect' && failure.phase !== 'login') {
      if (bytesTransferred === undefined || bytesTransferred < 0) problems.push(bad(`bytesTransferred ${bytesTransferred}`));
    }
    const done = on === 'control' && operation.happened?.(scene); // data that broke are no whole file, whatever the server has
    if (done && !failure.reply && !failure.maybeCompleted) problems.push(bad(`done, and not maybeCompleted: ${failure.message}`));
    return problems;
  }

  /** A command that changes something must not be sent again by itself. */
  #repeated(): string | undefined {
    const changing = this.proxy.commands.filter((line) => /^(DELE|RNTO|STOR|APPE|STOU|MKD|RMD|MFMT)\b/.test(line));
    return changing.length > 1 ? changing.join(', ') : undefined;
  }

  /** A control connection that died unseen costs one command; the next must be right. */
  async #useAgain(ftp: FTP, operation: Operation, mayFail: boolean): Promise<Problem[]> {
    const { folder } = this.stage;
    if (operation.ends) return [];
    for (let attempt = mayFail ? 0 : 1; ; attempt++) {
      const found = await within(Promise.all([ftp.pwd(), ftp.size(`${folder}/${KNOWN.name}`)]));
      if (found === 'hang') return [{ kind: 'hang', text: 'the client cannot be used again' }];
      if (!(found instanceof Error)) {
        const [folderNow, size] = found;
        const right = size === KNOWN.bytes && (folderNow === '/' || (operation.moves === true && folderNow === folder));
        return right ? [] : [{ kind: 'out of step', text: `pwd() ${folderNow}, size() ${size}` }];
      }
      const slow = found instanceof TimeoutError && attempt < ATTEMPTS; // the machine is busy
      if ((attempt > 0 && !slow) || !isFTPError(found)) return [{ kind: 'out of step', text: `pwd() fails: ${String(found)}` }];
    }
  }

  /** A client that still works as at its beginning serves the next operation; no data connection is left. */
  async #leave(ftp: FTP, warm: boolean, problems: Problem[]): Promise<void> {
    const keep = warm && problems.length === 0 && (this.mode !== 'seam' || ftp.session.observed.takes.get('EPSV') !== false);
    if (!keep) {
      ftp.close();
      if (ftp === this.#client) this.#client = undefined;
    }
    const open = await this.proxy.discard();
    if (open > 0) problems.push({ kind: 'leak', text: `${open} sockets` });
  }
}

/** Nobody on the way can read a PORT or EPRT in TLS: there the client itself announces the proxy's port in place of its own. */
function redirectActive({ session }: FTP, proxy: FaultProxy): void {
  const command = session.command.bind(session);
  session.command = (verb, path, ...around) => command(verb, path !== undefined && (verb === 'PORT' || verb === 'EPRT') ? proxy.redirect(verb, path) : path, ...around);
}

function security({ secure, ca }: Target): Pick<FTPOptions, 'secure' | 'tls' | 'strictTlsClose'> {
  return secure === false ? {} : { secure, strictTlsClose: true, ...(ca ? { tls: { ca } } : {}) };
}

/** The result, or the error as a value, or `hang`. */
async function within<T>(act: Promise<T>, ms = HANG): Promise<T | Error | 'hang'> {
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<'hang'>((resolve) => (timer = setTimeout(() => resolve('hang'), ms)));
  try {
    return await Promise.race([act, hang]);
  } catch (error) {
    return error as Error;
  } finally {
    clearTimeout(timer);
  }
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** Nothing in plain text tells a corrupted command from another, nor a reply that only its code is known of: a download shows its bytes. */
function tellsCorruption({ transfer, fragile, unsized }: Operation, direction: Direction): boolean {
  return direction === 'toClient' && transfer === 'down' && !fragile && !unsized;
}

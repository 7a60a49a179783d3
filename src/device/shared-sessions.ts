import { invariant } from '../base/errors.ts';
import { encodeModel } from '../graph/onnx.ts';
import type { Subgraph } from '../graph/subgraph.ts';
import type { OrtModule, OrtSession, OrtSessionOptions, OrtTensor } from './ort.ts';
import { createSession, enqueue, runSession } from './session.ts';

/** A session that every program with the same graph runs. Only inside `enqueue`, all but `release`. */
export interface SharedSession {
  run(what: string, feeds: Record<string, OrtTensor>, fetch: readonly string[]): Promise<Record<string, OrtTensor>>;
  /** Tells that one user is done; the last one closes it. */
  release(): Promise<void>;
}

/**
 * Sessions by the bytes of their graph: blocks of one shape have one, whatever their number.
 *
 * Weights are inputs here, so a session knows a graph and nothing else, and can be made again at any time.
 */
export class SharedSessions {
  readonly #ort: OrtModule;
  readonly #options: OrtSessionOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(ort: OrtModule, options: OrtSessionOptions) {
    this.#ort = ort;
    this.#options = options;
  }

  /** How many there are now. */
  get size(): number {
    return this.#entries.size;
  }

  /** The session of a graph, opened when this is its first user. */
  async acquire(graph: Subgraph): Promise<SharedSession> {
    const bytes = encodeModel([graph], { weights: 'inputs' });
    const key = await digest(bytes);
    const entry = this.#entries.get(key) ?? { name: graph.name, bytes, users: 0, session: null };
    this.#entries.set(key, entry);
    entry.users += 1;
    try {
      await enqueue(this.#ort, () => this.#open(entry));
    } catch (error) {
      await this.#leave(key, entry);
      throw error;
    }
    return {
      run: async (what, feeds, fetch) => {
        const session = await this.#open(entry);
        try {
          return await runSession(session, what, feeds, fetch);
        } catch (error) {
          // After a failed run ONNX Runtime goes on with the inputs it had bound for it, and reads memory that is free.
          await close(entry);
          throw error;
        }
      },
      release: () => this.#leave(key, entry),
    };
  }

  async #open(entry: Entry): Promise<OrtSession> {
    invariant(entry.users > 0, `run ${entry.name}`, 'its program was disposed');
    entry.session ??= await createSession(this.#ort, entry.name, entry.bytes, this.#options);
    return entry.session;
  }

  async #leave(key: string, entry: Entry): Promise<void> {
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#entries.delete(key);
    await enqueue(this.#ort, () => close(entry));
  }
}

// ---

interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
  users: number;
  /** Null before the first use and after a failed run. */
  session: OrtSession | null;
}

/** Closes a session; whatever is wrong with it is no concern any more. */
async function close(entry: Entry): Promise<void> {
  const { session } = entry;
  entry.session = null;
  await session?.release().catch(() => undefined);
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

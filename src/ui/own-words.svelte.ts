import type { EditRequest } from '../worker/api.ts';
import { toDraft, type Draft } from './request.ts';

/** The person's own words, once something else has taken their place in the form: the only ones that can be lost. */
export class OwnWords {
  /** What the form was filled with last: an example, an earlier request, a prompt of a set. */
  #filled: Draft | null = null;

  /** Null when nothing is put aside. */
  kept = $state.raw<Draft | null>(null);

  /** The form is about to be filled: what it holds is put aside, unless it was filled in too. */
  putAside(held: Draft, next: Draft, examples: readonly EditRequest[]): void {
    const filled = [...examples.map(toDraft), ...(this.#filled ? [this.#filled] : [])];
    const isOwn = !filled.some(({ prompt, target }) => prompt === held.prompt && target === held.target);
    if (isOwn && held.prompt.trim() !== '' && next.prompt !== held.prompt) this.kept = held;
    this.#filled = next;
  }
}

import { isIn } from '../edit/history.ts';
import type { Edit, Standing } from '../edit/record.ts';
import type { Arrangement } from './api-stack.ts';

/** Edits in the order and with the doses that are wanted; those that nothing is said of stay on top. */
export function arranged(
  standing: readonly Standing[],
  aside: readonly Edit[],
  { entries, gone }: Arrangement,
): readonly Standing[] {
  const here = [...standing.map(({ edit }) => edit), ...aside];
  const named = entries.flatMap(({ id, on, alpha }) => {
    const edit = here.find((each) => each.id === id);
    return edit ? [{ edit, on, alpha }] : [];
  });
  return [...named, ...standing.filter(({ edit }) => !isIn(entries, edit.id) && !gone.includes(edit.id))];
}

/** A stack with edits that have just been made, switched on: on top, or in the place of those that they make again. */
export function withNews(standing: readonly Standing[], news: readonly Edit[]): readonly Standing[] {
  return news.reduce((stack, edit) => {
    const made = { edit, on: true, alpha: 1 };
    const at = stack.findIndex((each) => each.edit.id === edit.replaces);
    return at < 0 ? [...stack, made] : stack.with(at, made);
  }, standing);
}

/** Whether an edit has been put to the proof. */
export function isChecked({ proof }: Edit): boolean {
  return proof.requests.length > 0;
}

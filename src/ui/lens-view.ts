import type { LensPlace, Seen } from '../worker/api-locate.ts';
import type { CandidateView } from '../worker/api.ts';
import type { Field } from './csv.ts';

/** Where the lens reads, in the order of the tabs. */
export const LENS_PLACES = ['residual', 'mlp', 'attn'] as const satisfies readonly LensPlace[];

/** The likeliest word of a cell. */
export function wordAt({ lens, words }: Seen, place: LensPlace, cell: number): string {
  return words[lens.places[place].topIds[cell * lens.k]] ?? '';
}

/** The likeliest words of a cell. */
export function topOf({ lens, words }: Seen, place: LensPlace, cell: number): CandidateView[] {
  const { topIds, topProbability } = lens.places[place];
  return Array.from({ length: lens.k }, (_, i) => {
    const id = topIds[cell * lens.k + i];
    return { id, text: words[id] ?? '', probability: topProbability[cell * lens.k + i] };
  });
}

/** Every cell as a row: the answer's first token in it, and what it would say. */
export function lensRows(seen: readonly Seen[]): Field[][] {
  const header = ['prompt', 'edits', 'read_from', 'token', 'position', 'layer', 'answer_token', 'probability', 'rank'];
  const rows = seen.flatMap((each) => {
    const { item, lens, stamp, words } = each;
    const answer = words[item.targetIds[0]] ?? '';
    return LENS_PLACES.flatMap((place) =>
      Array.from(lens.places[place].probability, (probability, cell): Field[] => {
        const position = Math.floor(cell / lens.layers);
        const where = [item.prompt, stamp, place, item.tokens[position], position, cell % lens.layers];
        return [...where, answer, probability, lens.places[place].rank[cell] + 1, wordAt(each, place, cell)];
      }),
    );
  });
  return [[...header, 'says'], ...rows];
}

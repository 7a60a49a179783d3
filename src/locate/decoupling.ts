import type { Watch } from '../base/tasks.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import type { LocateRequest } from './case.ts';
import {
  measureSet,
  summarizeSet,
  type PromptFigures,
  type SetJournal,
  type SetSettings,
  type SetSummary,
} from './sets.ts';

/** Who a prompt speaks of: somebody with a name, PersonX, or nobody any more. */
export const PERSON_VARIANTS = ['named', 'personX', 'removed'] as const;

/** One of them. */
export type PersonVariant = (typeof PERSON_VARIANTS)[number];

/** The first of the names that the published variants put in PersonX's place.   [methods.md 9.4] */
export const NAMES: readonly string[] = ['Emily', 'Michael', 'James', 'William', 'Benjamin'];

/**
 * The same prompts with a name in place of PersonX (each prompt another, in turn), as they are, and without PersonX. Those
 * that don't speak of PersonX are left out, and so are those of which a variant could not be asked: without PersonX nothing
 * is left of the subject or the target, or the subject is a part of a word that changes.   [methods.md 8.3]
 */
export function personVariants(
  requests: readonly LocateRequest[],
  names: readonly string[] = NAMES,
): Record<PersonVariant, LocateRequest[]> {
  const about = requests.filter(
    (request) =>
      ANY_PERSON.test(request.prompt.replace('{}', () => request.subject)) &&
      canBeAsked(rewrite(request, withoutPerson)) &&
      canBeAsked(rewrite(request, (text) => text.replace(PERSON, names[0]))),
  );
  const named = about.map((request, i) => rewrite(request, (text) => text.replace(PERSON, names[i % names.length])));
  return { named, personX: about, removed: about.map((request) => rewrite(request, withoutPerson)) };
}

/**
 * Whether what a model holds depends on who it is about: a set measured in all three variants, three lines beside each
 * other.   [methods.md 8.3: decoupling]
 */
export async function measureDecoupling(
  model: Model,
  requests: readonly LocateRequest[],
  settings: SetSettings = {},
  journal: SetJournal = {},
  watch?: Watch,
  patches?: PlacedPatches,
  state = '',
): Promise<Record<PersonVariant, SetSummary>> {
  const variants = personVariants(requests);
  const figures: PromptFigures[] = [];
  for (const variant of PERSON_VARIANTS) {
    figures.push(...(await measureSet(model, variants[variant], settings, journal, watch, patches, state)));
  }
  return summarizeDecoupling(variants, figures);
}

/**
 * Variants' figures summed up.
 *
 * @param figures of as many prompts as are known, variant after variant
 */
export function summarizeDecoupling(
  variants: Readonly<Record<PersonVariant, readonly LocateRequest[]>>,
  figures: readonly PromptFigures[],
): Record<PersonVariant, SetSummary> {
  let start = 0;
  const lines = PERSON_VARIANTS.map((variant) => {
    const known = figures.slice(start, (start += variants[variant].length));
    return [variant, summarizeSet(known)] as const;
  });
  return Object.fromEntries(lines) as Record<PersonVariant, SetSummary>;
}

// ---

const PERSON = /\bPersonX\b/g;
const ANY_PERSON = /\bPersonX\b/;

function rewrite({ prompt, subject, target }: LocateRequest, change: (text: string) => string): LocateRequest {
  const changed = { prompt: change(prompt), subject: change(subject) };
  return target === undefined ? changed : { ...changed, target: change(target) };
}

/** Without PersonX, the apostrophe that follows and one of the spaces around. */
function withoutPerson(text: string): string {
  const person = /(\s?)\bPersonX\b(?:['’]s\b)?(\s?)/g;
  return text.replace(person, (_, before: string, after: string) => (after === '' ? '' : before)).trim();
}

function canBeAsked({ prompt, subject, target }: LocateRequest): boolean {
  return subject !== '' && target !== '' && prompt.replace('{}', () => subject).includes(subject);
}

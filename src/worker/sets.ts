import type { Watch } from '../base/tasks.ts';
import { EditorError } from '../base/errors.ts';
import { personVariants, summarizeDecoupling } from '../locate/decoupling.ts';
import {
  completeSettings,
  firstOfEach,
  measureRelations,
  readRelationPrompts,
  summarizeRelations,
} from '../locate/relations.ts';
import { readSetFile, SET_FILES, type StoredSets } from '../locate/set-file.ts';
import type { PromptFigures, SetJournal } from '../locate/sets.ts';
import { getRecord, putRecord, type RecordKind } from '../store/keep.ts';
import type { MeasuredSets } from './api-locate.ts';
import type { StandingEdits } from './locating.ts';
import type { Studio } from './studio.ts';

/** What sets need of a studio. */
export type SetsStudio = Pick<Studio, 'model' | 'database' | 'companion'>;

/**
 * The sets that came with the model; null where none did.
 *
 * @throws EditorError as `readSetFile` does
 */
export async function readStoredSets({ model, companion }: SetsStudio): Promise<StoredSets | null> {
  const file = await companion(SET_FILES.sets);
  return file === undefined ? null : readSetFile(file, model.hash, model.description.n_layers);
}

/**
 * Measures the prompts that came with the model, as those were that came with it, so that both can be compared. What an
 * earlier run has measured isn't measured again.   [methods.md 8.3]
 *
 * @param each   prompts of each relation, at most
 * @param onPart hears the figures so far, whenever a prompt has been measured
 * @throws EditorError `invalid-request` where no prompts came with the model
 */
export async function measureSets(
  studio: SetsStudio,
  each: number,
  { patches, stamp }: StandingEdits,
  onPart: (sets: MeasuredSets) => void,
  watch: Watch,
): Promise<MeasuredSets> {
  const { model, database, companion } = studio;
  const all = readRelationPrompts((await companion(SET_FILES.prompts)) ?? refuse());
  const prompts = firstOfEach(all, each);
  const stored = await readStoredSets(studio).catch(() => null);
  const settings = stored?.settings ?? (await completeSettings(model, all, { draws: DRAWS }));
  const variants = personVariants(prompts);
  const askedVariants = Object.values(variants).reduce((sum, { length }) => sum + length, 0);
  const about = { stamp, settings, asked: prompts.length, askedVariants };
  const found: PromptFigures[] = [];
  const total = prompts.length + askedVariants;
  const tell = () => watch.progress?.({ stage: 'set', done: found.length, total, unit: 'prompts' });
  const summarize = () => summarizeRelations(prompts, found.slice(0, prompts.length));
  // Resampling takes longer than measuring a variant: what all prompts give is summed up once.
  let whole: ReturnType<typeof summarize> | null = null;
  const tellPart = () => {
    if (found.length >= prompts.length) whole ??= summarize();
    const decoupling = summarizeDecoupling(variants, found.slice(prompts.length));
    onPart({ ...about, ...(whole ?? summarize()), decoupling });
  };
  const journal: SetJournal = {
    async known(key) {
      const figures = await getRecord(database, FIGURES, key);
      if (figures) found.push(figures);
      tell();
      return figures;
    },
    async keep(key, figures) {
      found.push(figures);
      tell();
      tellPart();
      await putRecord(database, FIGURES, key, figures);
    },
  };
  const inner = watch.signal ? { signal: watch.signal } : {};
  return { ...about, ...(await measureRelations(model, prompts, settings, journal, inner, patches, stamp)) };
}

// ---

/** Figures of single prompts, by `promptKey`. */
const FIGURES: RecordKind<PromptFigures> = { name: 'set-figures', version: 1 };

/** Draws of noise where no stored sets say how many: few, because there are many prompts. */
const DRAWS = 4;

function refuse(): never {
  const advice = `put a file ${SET_FILES.prompts} beside the model`;
  throw new EditorError('invalid-request', 'measure sets', 'no prompts came with this model', advice);
}

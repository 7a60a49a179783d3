import type { Watch } from '../base/tasks.ts';
import { EditorError } from '../base/errors.ts';
import { personVariants, summarizeDecoupling } from '../locate/decoupling.ts';
import { MOST_BYTES, readPromptSet, type PromptSet } from '../locate/prompt-set.ts';
import {
  completeSettings,
  firstOfEach,
  measureRelations,
  readRelationPrompts,
  summarizeRelations,
  type RelationPrompt,
} from '../locate/relations.ts';
import { readSetFile, SET_FILES, type StoredSets } from '../locate/set-file.ts';
import { promptKey, type PromptFigures, type SetJournal } from '../locate/sets.ts';
import { asCache } from '../store/fallback.ts';
import { getRecord, putRecord, type RecordKind } from '../store/keep.ts';
import type { HowMeasured, MeasuredSets, SetsAsked } from './api-locate.ts';
import type { StandingEdits } from './locating.ts';
import type { Studio } from './studio.ts';

/** What sets need of a studio. */
export type SetsStudio = Pick<Studio, 'model' | 'database' | 'companion'>;

/**
 * The sets that came with the model; null where none did, or those of another model.
 *
 * @throws EditorError `invalid-input` for a file of another shape
 */
export async function readStoredSets({ model, companion }: SetsStudio): Promise<StoredSets | null> {
  const file = await companion(SET_FILES.sets);
  if (file === undefined) return null;
  try {
    return readSetFile(file, model.hash, model.description.n_layers);
  } catch (error) {
    if (error instanceof EditorError && error.code === 'hash-mismatch') return null;
    throw error;
  }
}

/**
 * The prompts that came with the model; null where none did.
 *
 * @throws EditorError as `readRelationPrompts` does
 */
export async function readModelPrompts({ companion }: SetsStudio): Promise<PromptSet | null> {
  const file = await companion(SET_FILES.prompts);
  return file === undefined ? null : { file: null, prompts: readRelationPrompts(file) };
}

/**
 * A person's own prompts. No more of a large file is read than is needed to refuse it.
 *
 * @throws EditorError as `readPromptSet` does
 */
export async function readOwnPrompts({ model }: Pick<Studio, 'model'>, file: File): Promise<PromptSet> {
  const bytes = await file.slice(0, MOST_BYTES + 1).arrayBuffer();
  return readPromptSet(model, file.name, new Uint8Array(bytes));
}

/**
 * Measures prompts as those were that came with the model, so that both can be compared. What an earlier run has measured
 * isn't measured again.   [methods.md 8.3]
 *
 * @param onPart hears the figures so far, whenever a prompt has been measured
 * @throws EditorError `invalid-request` where there are no such prompts
 */
export async function measureSets(
  studio: SetsStudio,
  { own, relations, each }: SetsAsked,
  { patches, stamp }: StandingEdits,
  onPart: (sets: MeasuredSets) => void,
  watch: Watch,
): Promise<MeasuredSets> {
  const { model, database } = studio;
  const { file, prompts: all } = own ?? (await readModelPrompts(studio)) ?? NO_PROMPTS;
  const chosen = all.filter(({ relation }) => relations.includes(relation));
  const prompts = firstOfEach(chosen, each);
  if (prompts.length === 0) throw nothingAsked();
  const stored = await readStoredSets(studio).catch(() => null);
  const settings = stored?.settings ?? (await completeSettings(model, all, { draws: DRAWS }));
  const variants = personVariants(prompts);
  const askedVariants = Object.values(variants).reduce((sum, { length }) => sum + length, 0);
  const about = { file, stamp, settings, asked: prompts.length, askedVariants };
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
      const figures = await getRecord(asCache(database), FIGURES, key);
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

/**
 * What earlier runs have measured of single prompts, in the order given; null for those of which nothing is kept.
 *
 * @param how they were measured: with other settings, or other edits, they have other figures
 */
export async function findFigures(
  { model, database }: Pick<Studio, 'model' | 'database'>,
  prompts: readonly RelationPrompt[],
  { settings, stamp }: HowMeasured,
): Promise<(PromptFigures | null)[]> {
  const keys = prompts.map((prompt) => promptKey(model, prompt, settings, stamp));
  const cache = asCache(database);
  return Promise.all(keys.map(async (key) => (await getRecord(cache, FIGURES, key)) ?? null));
}

// ---

/** Figures of single prompts, by `promptKey`. */
const FIGURES: RecordKind<PromptFigures> = { name: 'set-figures', version: 1 };

/** Draws of noise where no stored sets say how many: few, because there are many prompts. */
const DRAWS = 4;

const NO_PROMPTS: PromptSet = { file: null, prompts: [] };

function nothingAsked(): EditorError {
  const advice = 'choose relations that have prompts, or a file of prompts';
  return new EditorError('invalid-request', 'measure sets', 'no prompt is asked for', advice, { 'set none': '' });
}

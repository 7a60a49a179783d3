import type { Watch } from '../base/tasks.ts';
import { readCase } from '../locate/case.ts';
import { measureLens } from '../locate/lens.ts';
import { locate } from '../locate/location.ts';
import { measureRecall } from '../locate/recall.ts';
import { checkTracing } from '../locate/tracing-settings.ts';
import type { Model } from '../model/model.ts';
import type { PlacedPatches } from '../model/patch.ts';
import type {
  CellBlock,
  Located,
  LocatePart,
  LocateRequest,
  LocationBaseline,
  MapSettings,
  Measured,
  Recalled,
  Seen,
} from './api-locate.ts';

/** The edits that a question is answered with: their patches, and what names them (`stampOf`). */
export interface StandingEdits {
  readonly patches: PlacedPatches | undefined;
  readonly stamp: string;
}

/**
 * Causal tracing of one prompt's answer; every part is told as it becomes known.   [methods.md 8.1]
 *
 * @throws EditorError `invalid-hyperparameter` naming every setting that can't be
 */
export async function locateAnswer(
  model: Model,
  request: LocateRequest,
  settings: MapSettings,
  edits: StandingEdits,
  onPart: (part: LocatePart) => void,
  watch: Watch,
): Promise<Located> {
  checkTracing(settings, model.description.d_vocab);
  const measured = await readMeasured(model, request, edits, watch);
  onPart({ kind: 'case', ...measured });
  const observer = {
    baseline: (baseline: LocationBaseline) => onPart({ kind: 'baseline', baseline }),
    cells: (block: CellBlock) => onPart({ kind: 'cells', block }),
  };
  const map = await locate(model, measured.item, settings, observer, watch, edits.patches);
  return { ...measured, map };
}

/**
 * What each layer changes at the prompt's last token.   [methods.md 8.2]
 *
 * @param topK size of the sets of words that are compared
 * @throws EditorError `invalid-hyperparameter` where there aren't so many
 */
export async function recallLayers(
  model: Model,
  request: LocateRequest,
  topK: number,
  edits: StandingEdits,
  watch: Watch,
): Promise<Recalled> {
  checkTracing({ topK }, model.description.d_vocab);
  const measured = await readMeasured(model, request, edits, watch);
  const [recall] = await measureRecall(model, [measured.item.ids], topK, edits.patches, watch);
  return { ...measured, topK, recall };
}

/** What every token would say behind every layer, and how likely the answer's first token is there. */
export async function lookThrough(
  model: Model,
  request: LocateRequest,
  edits: StandingEdits,
  watch: Watch,
): Promise<Seen> {
  const measured = await readMeasured(model, request, edits, watch);
  const { ids, targetIds } = measured.item;
  const lens = await measureLens(model, ids, targetIds[0], undefined, edits.patches, watch);
  const known = new Set([targetIds[0], ...Object.values(lens.places).flatMap(({ topIds }) => [...topIds])]);
  return { ...measured, lens, words: Object.fromEntries([...known].map((id) => [id, model.tokenizer.tokenText(id)])) };
}

// ---

async function readMeasured(
  model: Model,
  request: LocateRequest,
  { patches, stamp }: StandingEdits,
  watch: Watch,
): Promise<Measured> {
  return { item: await readCase(model, request, patches, watch), stamp };
}

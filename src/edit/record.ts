import type { Tensor } from '../base/tensor.ts';
import type { DosedPatch, Patch } from '../model/patch.ts';
import type { Hparams, MethodName, PresetName } from './hparams.ts';
import type { LossParts } from './loss.ts';
import type { Proof } from './proof.ts';
import type { LayerScores, LayerSets } from './rank.ts';
import type { EditRequest } from './request.ts';
import type { TemplateGroups } from './rows.ts';

/** A site that the rule chose and the edit left out. */
export interface LeftOut {
  readonly site: string;
  /** Keys it would have had to hold, and how many it may. */
  readonly keys: number;
  readonly budget: number;
}

/** Everything an edit leaves behind: what is saved, undone, shown and exported.   [design.md 5] */
export interface Edit {
  readonly schema: 2;
  /** Version of the app that made it. */
  readonly app: string;
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly requests: readonly EditRequest[];
  readonly method: MethodName;
  readonly preset: PresetName;
  readonly hparams: Hparams;
  /** `revision` is null where the model's place has no versions. */
  readonly model: { readonly name: string; readonly revision: string | null; readonly hash: string };
  readonly device: string;
  /** What C₀ was gathered from: fingerprint, or "given". */
  readonly corpus: string;
  readonly templates: TemplateGroups;
  /** Templates that were sampled beside those, for the check. */
  readonly unseen: readonly string[];
  /** Cosines of every request on the unedited model, and the layers that followed from them. */
  readonly scores: readonly LayerScores[];
  readonly layers: LayerSets;
  readonly leftOut: readonly LeftOut[];
  readonly learningRates: readonly number[];
  /** Per request, one entry per evaluation. */
  readonly losses: readonly (readonly LossParts[])[];
  readonly patches: readonly Patch[];
  /** Keys at every site on the edited model, by site [slots, p]: memory for later edits. */
  readonly keys: ReadonlyMap<string, Tensor<'float64'>>;
  /** Edits it was computed on top of, with their doses. */
  readonly parents: readonly { readonly id: string; readonly alpha: number }[];
  /** The edit that it makes again, and whose place it takes. */
  readonly replaces?: string;
  /** Without requests while the edit is solved and not yet checked. */
  readonly proof: Proof;
}

/** An earlier edit as it stands in the stack. */
export interface StackedEdit {
  readonly edit: Edit;
  readonly alpha: number;
}

/** An edit as it stands in the stack. */
export interface Standing {
  readonly edit: Edit;
  readonly on: boolean;
  /** Dose: 1 as solved. */
  readonly alpha: number;
}

/** The same by its id. */
export interface StackEntry {
  readonly id: string;
  readonly on: boolean;
  /** Dose: 1 as solved, 0 none. */
  readonly alpha: number;
}

/** A stack by the ids of its edits. */
export function entriesOf(stack: readonly Standing[]): StackEntry[] {
  return stack.map(({ edit: { id }, on, alpha }) => ({ id, on, alpha }));
}

/** The patches of a stack, each with the dose of its edit, bottom first: what `placePatches` takes. */
export function dosedPatches(stack: readonly StackedEdit[]): DosedPatch[] {
  return stack.flatMap(({ edit, alpha }) => edit.patches.map((patch) => ({ patch, alpha })));
}

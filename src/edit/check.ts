import { throwIfAborted, type Watch } from '../base/tasks.ts';
import type { Model } from '../model/model.ts';
import { disposePatches, placePatches } from '../model/patch.ts';
import { proveEdit } from './proof.ts';
import { dosedPatches, type Edit, type StackedEdit } from './record.ts';
import { validateRequests } from './request.ts';
import { makeRows } from './rows.ts';

/** What `checkEdit` takes beside the edit. */
export interface CheckInput {
  /** Earlier edits that it was made on top of. */
  readonly stack?: readonly StackedEdit[];
  /** Unrelated sentences, for the drift. */
  readonly heldOut?: readonly string[];
  /** `brief` leaves out what takes time and a batch run doesn't read: continuations, spot checks, drift. */
  readonly proof?: 'full' | 'brief';
}

/**
 * The edit with its proof. All it needs is in the edit, so that one whose check was cut off (the tab was closed, the
 * worker died) can be checked at the next visit.
 */
export async function checkEdit(model: Model, edit: Edit, input: CheckInput, watch: Watch = {}): Promise<Edit> {
  const { hparams, losses, unseen } = edit;
  const requests = validateRequests(edit.requests);
  const rows = makeRows(model, requests, edit.templates, hparams);
  const base = dosedPatches(input.stack ?? []);
  const before = placePatches(model.device, model.description, base);
  const after = placePatches(model.device, model.description, [...base, ...dosedPatches([{ edit, alpha: 1 }])]);
  try {
    const { sites } = edit.proof;
    const heldOut = input.heldOut ?? null;
    const brief = input.proof === 'brief';
    const given = { requests, rows, hparams, losses, sites, before, after, unseen, heldOut, brief };
    const proof = await proveEdit(model, given, watch);
    throwIfAborted(watch, 'finish the edit');
    return { ...edit, proof };
  } finally {
    disposePatches(before);
    disposePatches(after);
  }
}

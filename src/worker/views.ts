import { parameterCount } from '../model/description.ts';
import { PRESETS, SETTINGS } from '../edit/hparams.ts';
import type { Standing } from '../edit/record.ts';
import type { EditView, ModelReport, Opened } from './api.ts';
import type { Studio } from './studio.ts';

/** An edit without its matrices, and whether what it was computed on still stands. */
export function toView({ edit, on, alpha }: Standing, stack: readonly Standing[]): EditView {
  const { patches, keys: _keys, schema: _schema, app: _app, unseen: _unseen, ...more } = edit;
  const { corpus: _corpus, learningRates: _rates, replaces: _replaces, ...rest } = more;
  const stands = (id: string, dose: number) =>
    stack.some((each) => each.edit.id === id && each.on && each.alpha === dose);
  return {
    ...rest,
    on,
    alpha,
    stale: edit.parents.some((parent) => !stands(parent.id, parent.alpha)),
    bytes: patches.reduce((sum, { left, right }) => sum + left.data.byteLength + right.data.byteLength, 0),
  };
}

/** What `open` tells, but for the edits. */
export function reportOf(studio: Studio): Omit<Opened, 'edits' | 'history' | 'elsewhere'> {
  const { model, report, examples, kept, fetchedBytes, earlier } = studio;
  const { family, n_layers, d_model, n_heads, d_mlp, d_vocab, n_ctx } = model.description;
  const described: ModelReport = {
    name: model.name,
    hash: model.hash,
    family,
    parameters: parameterCount(model.description),
    ...{ n_layers, d_model, n_heads, d_mlp, d_vocab, n_ctx },
    fetchedBytes,
    from: fetchedBytes > 0 ? 'network' : 'store',
    earlier,
  };
  return { device: report, model: described, examples, kept, presets: PRESETS, settings: SETTINGS };
}

import { EditorError } from '../base/errors.ts';
import { f32, formatShape, type FloatTensor, type Tensor } from '../base/tensor.ts';
import { forwardRows, type TokenAt } from '../model/forward.ts';
import { blockHook, hookName, parseHook, type BlockHook } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { writeSafetensors } from '../store/safetensors.ts';
import { textOf, type Arguments } from './arguments.ts';
import { readJsonFile, writeWhole } from './disk.ts';
import { openModel, watchOf, type Output } from './output.ts';

/**
 * `forward --model DIR --ids FILE.json --hooks NAME,... --out FILE.safetensors`: tensors [B, T, width] named by hook, and
 * `logits` [B, T, d_vocab]. Rows shorter than the longest are padded on the right with zeros in every tensor.
 */
export async function forward(args: Arguments, output: Output): Promise<void> {
  const model = await openModel(args, output);
  const rows = readIds(await readJsonFile(textOf(args, 'ids')), model.description.d_vocab);
  const names = textOf(args, 'hooks')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const hooks = names.map((name) => parseHook(name, model.description.n_layers));
  const tensors = await captureAll(model, rows, hooks, watchOf(output).progress);
  const out = textOf(args, 'out');
  await writeWhole(out, writeSafetensors(tensors));
  output.line({ out, tensors: Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape])) });
  await model.dispose();
}

// ---

async function captureAll(
  model: Model,
  rows: readonly (readonly number[])[],
  hooks: readonly ReturnType<typeof parseHook>[],
  progress: ReturnType<typeof watchOf>['progress'],
): Promise<Map<string, Tensor<'float32'>>> {
  const width = Math.max(...rows.map((row) => row.length));
  const blocks = hooks.filter((hook): hook is { hook: BlockHook; layer: number } => 'layer' in hook);
  const tokens = rows.flatMap((row, b) => row.map((_, t): TokenAt => [b, t]));
  const embedded = hooks.some(({ hook }) => hook === 'hook_embed');
  const wanted = [...new Set([...blocks.map(({ hook }) => hook), ...(embedded ? ['hook_resid_pre' as const] : [])])];
  const layers = [...new Set([...blocks.map(({ layer }) => layer), ...(embedded ? [0] : [])])];
  const found = await forwardRows(model, rows, {
    ...(wanted.length > 0 ? { hooks: wanted, layers } : {}),
    at: tokens,
    logits: tokens,
    normalized: hooks.some(({ hook }) => hook === 'ln_final.hook_normalized'),
    watch: progress ? { progress } : {},
  });
  const square = (flat: FloatTensor | null) => spread(flat, tokens, rows.length, width);
  const tensors = new Map<string, Tensor<'float32'>>();
  for (const hook of hooks) {
    const name = hookName(hook);
    if ('layer' in hook) tensors.set(blockHook(hook.layer, hook.hook), square(found.hooks[hook.layer][hook.hook]));
    else if (hook.hook === 'hook_embed') tensors.set(name, square(found.hooks[0].hook_resid_pre));
    else if (hook.hook === 'ln_final.hook_normalized') tensors.set(name, square(found.normalized));
  }
  return tensors.set('logits', square(found.logits));
}

/** [tokens, width] → [B, T, width], zeros where a row has no token. */
function spread(flat: FloatTensor | null, tokens: readonly TokenAt[], rows: number, width: number): Tensor<'float32'> {
  const size = flat?.shape[1] ?? 0;
  const data = new Float32Array(rows * width * size);
  tokens.forEach(([b, t], i) => {
    if (flat) data.set(flat.data.subarray(i * size, (i + 1) * size), (b * width + t) * size);
  });
  return f32(data, [rows, width, size]);
}

function readIds(input: unknown, vocabulary: number): number[][] {
  const rows = Array.isArray(input) && input.every((row) => Array.isArray(row)) ? (input as unknown[][]) : [];
  const isId = (id: unknown) => Number.isInteger(id) && Number(id) >= 0 && Number(id) < vocabulary;
  if (rows.length > 0 && rows.every((row) => row.length > 0 && row.every(isId))) return rows as number[][];
  const bad = rows.flat().find((id) => !isId(id));
  const what =
    rows.length === 0
      ? 'it is not a list of lists'
      : bad === undefined
        ? 'a row is empty'
        : `it holds ${JSON.stringify(bad)}`;
  const range = formatShape([0, vocabulary - 1]);
  throw new EditorError('invalid-input', 'read the ids', what, `give [[id, ...], ...] with ids in ${range}`);
}

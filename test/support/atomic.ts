import { f64, type Tensor } from '../../src/base/tensor.ts';
import { mirrorLower } from '../../src/kernels/gram.ts';
import { readFixtureJson, readFixtureTensors } from './shared.ts';

const FOLDER = 'golden/atomic-lm/dem';

/** One target token's numbers as the reference has them. */
export interface Chances {
  readonly logp: readonly number[];
  readonly rank: readonly number[];
}

/** One request of a golden group. */
export interface GoldenRequest {
  readonly prompt: string;
  readonly subject: string;
  readonly target: string;
  readonly target_ids: readonly number[];
  readonly rows: readonly { readonly template: string; readonly ids: readonly number[]; readonly lookup: number }[];
  readonly attn_layers: readonly number[];
  readonly mlp_layers: readonly number[];
  readonly places: readonly string[];
  readonly before: Chances;
  readonly after: Chances;
  readonly after_all: Chances;
}

/** One golden group of DEM on atomic-lm: what the PyTorch reference computed in float64. */
export interface GoldenGroup {
  readonly name: string;
  readonly mode: 'single' | 'batch' | 'sequential';
  readonly variant: 'dem' | 'literal' | 'plus';
  readonly candidates: readonly number[];
  readonly requests: readonly GoldenRequest[];
  readonly writes: Readonly<Record<string, readonly string[]>>;
  readonly tensors: ReadonlyMap<string, Tensor<'float64'>>;
}

/** What the groups have in common. */
export interface GoldenIndex {
  readonly templates: string[][];
  readonly tokens: number;
  readonly sites: readonly string[];
  readonly relative_difference_f32_f64: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Names of all groups. */
export const GROUPS = [
  ...['single-0', 'single-1', 'single-2', 'single-3', 'single-4', 'batch-8', 'sequential-5'],
  ...['literal-0', 'literal-1', 'plus-0', 'plus-1'],
] as const;

/** Reads one group. */
export function readGroup(name: string): GoldenGroup {
  const group = readFixtureJson<Omit<GoldenGroup, 'name' | 'tensors'>>(`${FOLDER}/${name}.json`);
  return { ...group, name, tensors: readFixtureTensors(`${FOLDER}/${name}.safetensors`) };
}

/** Templates, tokens and tolerances. */
export function readIndex(): GoldenIndex {
  return readFixtureJson<GoldenIndex>(`${FOLDER}/index.json`);
}

/** C₀ of the sites used, [p, p], both triangles. */
export function readC0(): Map<string, Tensor<'float64'>> {
  const lower = readFixtureTensors(`${FOLDER}/c0.safetensors`);
  return new Map([...lower].map(([site, { data }]) => [site, square(data)]));
}

// ---

function square(lower: Float64Array): Tensor<'float64'> {
  const n = (Math.sqrt(8 * lower.length + 1) - 1) / 2;
  const matrix = f64(new Float64Array(n * n), [n, n]);
  for (let i = 0, at = 0; i < n; at += ++i) matrix.data.set(lower.subarray(at, at + i + 1), i * n);
  mirrorLower(matrix);
  return matrix;
}

import { EditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import { f64, type Tensor } from '../base/tensor.ts';
import { hostTensor } from '../device/memory.ts';
import { factorSpd, type Factorization } from '../kernels/factor.ts';
import { mirrorLower } from '../kernels/gram.ts';
import { keyWidth } from '../model/description.ts';
import { formatSite, type Site } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { secondMoments } from '../model/moment.ts';
import { cacheKey, type Database } from '../store/database.ts';
import { sha256 } from '../store/hash.ts';
import { getRecord, putRecord, type RecordKind } from '../store/keep.ts';

/** Where C₀ comes from: text, or matrices made elsewhere. */
export interface Corpus {
  /** One document each. */
  readonly documents: readonly string[];
  /** What it is called in a recipe. */
  readonly name: string;
}

/** C₀ of a site with its factor: made once per model, site and corpus, and never again, whatever is edited. */
export interface Covariance {
  readonly site: Site;
  readonly factorization: Factorization;
  /** Tokens it was gathered from; 0 when it was given. */
  readonly tokens: number;
  /** Fingerprint of the text, or "given". */
  readonly corpus: string;
}

/** What decides a covariance besides model and corpus. */
export interface CovarianceOptions {
  /** Tokens to gather, in multiples of the widest key. */
  readonly covarianceTokens: number;
  /** Ridge, as a share of the mean diagonal. */
  readonly ridge: number;
}

/** Hands out covariances; see `makeCovariances`. */
export interface Covariances {
  /** Those of some sites, gathered where missing. */
  of(sites: readonly Site[], options: CovarianceOptions, watch?: Watch): Promise<Map<string, Covariance>>;
}

/**
 * Second moments of the unedited model's keys, each gathered and factored once: kept in memory, and in the database when
 * there is one.   [design.md D5]
 *
 * @param given matrices E[k kᵀ] by site ("mlp.3"), used instead of text where present
 */
export function makeCovariances(
  model: Model,
  corpus: Corpus | null,
  database: Database | null,
  given: ReadonlyMap<string, Tensor<'float64'>> = new Map(),
): Covariances {
  const made = new Map<string, Covariance>();
  return {
    async of(sites, options, watch = {}) {
      const name = (site: Site) => `${formatSite(site)} ${options.covarianceTokens} ${options.ridge}`;
      const missing = sites.filter((site) => !made.has(name(site)));
      const moments = await momentsOf(model, missing, corpus, database, given, options, watch);
      for (const [i, site] of missing.entries()) {
        watch.progress?.({ stage: 'factor', done: i, total: missing.length, unit: 'sites' });
        const moment = moments.get(formatSite(site));
        if (!moment) continue;
        const factorization = await factor(model, site, moment, database, options, watch);
        made.set(name(site), { site, factorization, tokens: moment.tokens, corpus: moment.corpus });
      }
      if (missing.length > 0) {
        watch.progress?.({ stage: 'factor', done: missing.length, total: missing.length, unit: 'sites' });
      }
      return new Map(sites.map((site) => [formatSite(site), made.get(name(site)) as Covariance]));
    },
  };
}

// ---

/** Raised whenever the way C₀ is gathered or factored changes, so that older records are not found. */
const CODE = 1;

interface Moment {
  /** Lower triangle row by row, rounded to float32: what is kept is what is used. */
  readonly lower: Float32Array<ArrayBuffer>;
  readonly tokens: number;
  readonly corpus: string;
}

const MOMENTS: RecordKind<Moment> = { name: 'moment', version: CODE };
const FACTORS: RecordKind<{ lower: Float64Array<ArrayBuffer>; ridge: number }> = { name: 'factor', version: CODE };

async function momentsOf(
  model: Model,
  sites: readonly Site[],
  corpus: Corpus | null,
  database: Database | null,
  given: ReadonlyMap<string, Tensor<'float64'>>,
  { covarianceTokens }: CovarianceOptions,
  watch: Watch,
): Promise<Map<string, Moment>> {
  const found = new Map<string, Moment>();
  const missing: Site[] = [];
  const text = corpus ? await sha256(new TextEncoder().encode(corpus.documents.join('\n'))) : 'none';
  const keyOf = (site: Site) => cacheKey({ model: model.hash, site: formatSite(site), corpus: text, covarianceTokens });
  for (const site of sites) {
    const matrix = given.get(formatSite(site));
    const kept = matrix ? undefined : database && (await getRecord(database, MOMENTS, keyOf(site)));
    if (matrix)
      found.set(formatSite(site), { lower: lowerOf(checkGiven(model, site, matrix)), tokens: 0, corpus: 'given' });
    else if (kept) found.set(formatSite(site), kept);
    else missing.push(site);
  }
  if (missing.length === 0) return found;
  if (!corpus) throw noCorpus(missing);
  const documents = tokenize(model, corpus, missing, covarianceTokens);
  const skipFirst = model.tokenizer.bosId !== null;
  const { moments, tokens } = await secondMoments(model, documents, missing, { skipFirst, watch });
  for (const site of missing) {
    const matrix = moments.get(formatSite(site));
    if (!matrix) continue;
    const moment = { lower: lowerOf(matrix), tokens, corpus: text };
    found.set(formatSite(site), moment);
    if (database) await putRecord(database, MOMENTS, keyOf(site), moment);
  }
  return found;
}

/** The first documents that hold enough tokens, each cut to the context. */
function tokenize(model: Model, corpus: Corpus, sites: readonly Site[], covarianceTokens: number): number[][] {
  const { n_ctx } = model.description;
  const width = Math.max(...sites.map((site) => keyWidth(model.description, site.kind)));
  const wanted = covarianceTokens * width;
  const documents: number[][] = [];
  let count = 0;
  for (const text of corpus.documents) {
    if (count >= wanted) break;
    const ids = [...model.tokenizer.encode(text, { specialTokens: true }).ids].slice(0, n_ctx);
    if (ids.length === 0) continue;
    documents.push(ids);
    count += ids.length;
  }
  if (count > width) return documents;
  throw new EditorError(
    'invalid-input',
    `gather statistics from ${corpus.name}`,
    `it has ${count} tokens and keys are ${width} wide`,
    `give a text of at least ${10 * width} tokens`,
    { tokens: count, width },
  );
}

async function factor(
  model: Model,
  site: Site,
  moment: Moment,
  database: Database | null,
  { ridge }: CovarianceOptions,
  watch: Watch,
): Promise<Factorization> {
  const matrix = squareOf(moment.lower);
  const key = cacheKey({
    model: model.hash,
    site: formatSite(site),
    moment: await sha256(new Uint8Array(moment.lower.buffer)),
    ridge,
  });
  const kept = database && moment.corpus !== 'given' ? await getRecord(database, FACTORS, key) : undefined;
  if (kept && kept.ridge === ridge) {
    const factorTensor = hostTensor(f64(unpackLower(kept.lower), matrix.shape));
    return { matrix, factor: factorTensor, ridge, where: 'host' };
  }
  const made = await factorSpd(model.kernels, matrix, { ridge, watch });
  if (database && made.where === 'host' && made.ridge === ridge && made.factor.host) {
    await putRecord(database, FACTORS, key, {
      lower: packLower(made.factor.host.data as Float64Array, matrix.shape[0]),
      ridge,
    });
  }
  return made;
}

function checkGiven(model: Model, site: Site, matrix: Tensor<'float64'>): Tensor<'float64'> {
  const width = keyWidth(model.description, site.kind);
  if (matrix.shape.length === 2 && matrix.shape.every((size) => size === width)) return matrix;
  throw new EditorError(
    'invalid-input',
    `use the covariance of ${formatSite(site)}`,
    `it has the shape [${matrix.shape.join(', ')}]`,
    `give E[k kᵀ] as [${width}, ${width}]`,
    { site: formatSite(site), width },
  );
}

function noCorpus(sites: readonly Site[]): EditorError {
  const names = sites.map(formatSite).join(', ');
  return new EditorError(
    'missing-file',
    'gather statistics',
    `there is no text, and no covariance is given for ${names}`,
    'put a corpus.txt beside the model, or give a text or covariances',
    { sites: names },
  );
}

// --- Triangles

function lowerOf({ data, shape: [n] }: Tensor<'float64'>): Float32Array<ArrayBuffer> {
  return Float32Array.from(packLower(data, n));
}

function packLower(square: Float64Array, n: number): Float64Array<ArrayBuffer> {
  const lower = new Float64Array((n * (n + 1)) / 2);
  for (let i = 0, at = 0; i < n; at += ++i) lower.set(square.subarray(i * n, i * n + i + 1), at);
  return lower;
}

/** The lower triangle in its square, zeros above. */
function unpackLower(lower: Float64Array | Float32Array): Float64Array<ArrayBuffer> {
  const n = (Math.sqrt(8 * lower.length + 1) - 1) / 2;
  const square = new Float64Array(n * n);
  for (let i = 0, at = 0; i < n; at += ++i) square.set(lower.subarray(at, at + i + 1), i * n);
  return square;
}

function squareOf(lower: Float32Array): Tensor<'float64'> {
  const data = unpackLower(lower);
  const n = Math.sqrt(data.length);
  const square = f64(data, [n, n]);
  mirrorLower(square);
  return square;
}

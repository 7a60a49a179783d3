import { EditorError } from '../base/errors.ts';
import type { Watch } from '../base/tasks.ts';
import type { Tensor } from '../base/tensor.ts';
import { keyWidth } from '../model/description.ts';
import { formatSite, SITE_KINDS, type Site } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { secondMoments } from '../model/moment.ts';
import { cacheKey } from '../store/cache-key.ts';
import type { Database } from '../store/database.ts';
import { asCache } from '../store/fallback.ts';
import { hashText } from '../store/hash.ts';
import { getRecord, putRecord, type RecordKind } from '../store/keep.ts';
import { LONGEST_TEXT } from './request.ts';
import { packLower } from './triangle.ts';

/** Text that second moments are gathered from. */
export interface Corpus {
  /** One document each. */
  readonly documents: readonly string[];
  /** What it is called in messages. */
  readonly name: string;
}

/** C₀ = E[k kᵀ] of one site, as it is kept and used. */
export interface Moment {
  /** Lower triangle row by row, rounded to float32: a fresh one and one from the store give the same edit. */
  readonly lower: Float32Array<ArrayBuffer>;
  /** Tokens it was gathered from; 0 when it was given. */
  readonly tokens: number;
  /** Fingerprint of the text, or "given". */
  readonly corpus: string;
}

/** What decides a moment besides model, site and text. */
export interface MomentSettings {
  /** Tokens to gather, in multiples of the model's widest key. */
  readonly covarianceTokens: number;
  /** Leave out the token that the tokenizer puts in front of every text.   [methods.md 5.1] */
  readonly skipFirst: boolean;
}

/** Hands out second moments; see `makeMoments`. */
export interface Moments {
  /** Those of `sites`. When some must be gathered, those of `others` are gathered in the same pass over the text. */
  of(
    sites: readonly Site[],
    others: readonly Site[],
    settings: MomentSettings,
    watch: Watch,
  ): Promise<Map<string, Moment>>;
}

/**
 * Second moments of the unedited model's keys, gathered when first needed and kept: in memory, and in the database when
 * there is one.   [design.md D5]
 *
 * @param given matrices E[k kᵀ] by site ("mlp.3"), used instead of text where present
 */
export function makeMoments(
  model: Model,
  corpus: Corpus | null,
  database: Database | null,
  given: ReadonlyMap<string, Tensor<'float64'>>,
): Moments {
  const known = new Map<string, Moment>();
  const fingerprint = corpus ? hashText(corpus.documents.join('\n')) : Promise.resolve('none');
  return {
    async of(sites, others, settings, watch) {
      const text = await fingerprint;
      const name = (site: Site) => `${formatSite(site)} ${JSON.stringify(settings)}`;
      const keyOf = (site: Site) => cacheKey({ model: model.hash, site: formatSite(site), corpus: text, ...settings });
      const look = async (site: Site): Promise<Moment | undefined> => {
        const matrix = given.get(formatSite(site));
        if (matrix)
          return { lower: Float32Array.from(packLower(checkGiven(model, site, matrix))), tokens: 0, corpus: 'given' };
        return database ? getRecord(asCache(database), MOMENTS, keyOf(site)) : undefined;
      };
      const fill = async (wanted: readonly Site[]): Promise<Site[]> => {
        const missing: Site[] = [];
        for (const site of wanted) {
          const moment = known.get(name(site)) ?? (await look(site));
          if (moment) known.set(name(site), moment);
          else missing.push(site);
        }
        return missing;
      };
      const missing = await fill(sites);
      if (missing.length > 0) {
        const wanted = new Set(sites.map(formatSite));
        const along = await fill(others.filter((site) => !wanted.has(formatSite(site))));
        const gathered = [...missing, ...along];
        for (const [site, moment] of await gather(model, corpus, gathered, settings, text, watch)) {
          known.set(name(site), moment);
          if (database) await putRecord(database, MOMENTS, keyOf(site), moment);
        }
      }
      return new Map(sites.map((site) => [formatSite(site), known.get(name(site)) as Moment]));
    },
  };
}

// ---

/** The version is raised whenever the way moments are gathered changes, so that older ones are not found. */
const MOMENTS: RecordKind<Moment> = { name: 'moment', version: 1 };

async function gather(
  model: Model,
  corpus: Corpus | null,
  sites: readonly Site[],
  { covarianceTokens, skipFirst }: MomentSettings,
  text: string,
  watch: Watch,
): Promise<[Site, Moment][]> {
  if (!corpus) throw noCorpus(sites);
  const documents = tokenize(model, corpus, covarianceTokens);
  const hasFirst = model.tokenizer.bosId !== null;
  const { moments, tokens } = await secondMoments(model, documents, sites, { skipFirst: skipFirst && hasFirst, watch });
  return sites.map((site) => {
    const matrix = moments.get(formatSite(site)) as Tensor<'float64'>;
    return [site, { lower: Float32Array.from(packLower(matrix)), tokens, corpus: text }];
  });
}

/** The first documents that hold enough tokens, each cut to the context. */
function tokenize(model: Model, corpus: Corpus, covarianceTokens: number): number[][] {
  const { n_ctx } = model.description;
  const width = Math.max(...SITE_KINDS.map((kind) => keyWidth(model.description, kind)));
  const wanted = covarianceTokens * width;
  const documents: number[][] = [];
  let count = 0;
  for (const text of corpus.documents) {
    if (count >= wanted) break;
    const ids = model.tokenizer.encode(text.slice(0, LONGEST_TEXT), { specialTokens: true }).ids.slice(0, n_ctx);
    if (ids.length === 0) continue;
    documents.push(ids);
    count += ids.length;
  }
  if (count > width) return documents;
  throw new EditorError(
    'invalid-input',
    `gather statistics from ${corpus.name}`,
    `its ${corpus.documents.length} lines, each cut to ${n_ctx} tokens, have ${count}, and keys are ${width} wide`,
    `give a text of at least ${10 * width} tokens`,
    { tokens: count, width },
  );
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

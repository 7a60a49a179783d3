import { makeQueue, throwIfAborted, type Progress, type Watch } from '../base/tasks.ts';
import type { Tensor } from '../base/tensor.ts';
import { hostTensor } from '../device/memory.ts';
import { addRidge, factorSpd, type Factorization } from '../kernels/factor.ts';
import { keyWidth } from '../model/description.ts';
import { formatSite, type Site } from '../model/hooks.ts';
import type { Model } from '../model/model.ts';
import { cacheKey } from '../store/cache-key.ts';
import type { Database } from '../store/database.ts';
import { asCache } from '../store/fallback.ts';
import { sha256 } from '../store/hash.ts';
import { getRecord, putRecord, type RecordKind } from '../store/keep.ts';
import { makeMoments, type Corpus, type Moment, type MomentSettings } from './moments.ts';
import { packLower, unpackLower, unpackSymmetric } from './triangle.ts';

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
export interface CovarianceSettings extends MomentSettings {
  /** Ridge, as a share of the mean diagonal. */
  readonly ridge: number;
}

/** Hands out covariances; see `makeCovariances`. */
export interface Covariances {
  /**
   * Those of `sites`, gathered and factored where missing. Moments of `others` are gathered in the same pass when they
   * are small: a later edit then needs no pass of its own.
   */
  of(
    sites: readonly Site[],
    others: readonly Site[],
    settings: CovarianceSettings,
    watch?: Watch,
  ): Promise<Map<string, Covariance>>;
}

/**
 * Covariances of the unedited model's keys, each gathered and factored once: kept in memory, and in the database when
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
  const gathered = makeMoments(model, corpus, database, given);
  const made = new Map<string, Covariance>();
  // One at a time; who waits sees the progress of who works, and mostly finds what it needs when its turn comes.
  const enqueue = makeQueue();
  const listeners = new Set<(report: Progress) => void>();

  const make = async (
    sites: readonly Site[],
    others: readonly Site[],
    { covarianceTokens, skipFirst, ridge }: CovarianceSettings,
    watch: Watch,
  ): Promise<Map<string, Covariance>> => {
    const settings = { covarianceTokens, skipFirst };
    const name = (site: Site) => `${formatSite(site)} ${JSON.stringify([settings, ridge])}`;
    const missing = sites.filter((site) => !made.has(name(site)));
    const report = (done: number) => watch.progress?.({ stage: 'factor', done, total: missing.length, unit: 'sites' });
    const moments = await gathered.of(missing, affordable(model, [...missing, ...others]), settings, watch);
    for (const [i, site] of missing.entries()) {
      throwIfAborted(watch, 'factor the statistics');
      report(i);
      const moment = moments.get(formatSite(site)) as Moment;
      const factorization = await factor(model, site, moment, database, ridge, watch);
      made.set(name(site), { site, factorization, tokens: moment.tokens, corpus: moment.corpus });
    }
    if (missing.length > 0) report(missing.length);
    return new Map(sites.map((site) => [formatSite(site), made.get(name(site)) as Covariance]));
  };

  return {
    async of(sites, others, settings, { progress, signal } = {}) {
      if (progress) listeners.add(progress);
      const tellAll = (report: Progress) => listeners.forEach((listener) => listener(report));
      const watch: Watch = { progress: tellAll, ...(signal ? { signal } : {}) };
      try {
        return await enqueue(() => make(sites, others, settings, watch), signal);
      } finally {
        if (progress) listeners.delete(progress);
      }
    },
  };
}

// ---

/** Moments gathered beyond those needed may take this many bytes. */
const SPARE = 64 * 2 ** 20;

/** The version is raised whenever the way factors are made changes, so that older ones are not found. */
const FACTORS: RecordKind<{ readonly lower: Float64Array<ArrayBuffer> }> = { name: 'factor', version: 1 };

/** The sites, or none beyond those needed when all of them together would take too much memory. */
function affordable(model: Model, sites: readonly Site[]): readonly Site[] {
  const bytes = sites.reduce((sum, { kind }) => sum + 2 * keyWidth(model.description, kind) ** 2, 0);
  return bytes <= SPARE ? sites : [];
}

async function factor(
  model: Model,
  site: Site,
  moment: Moment,
  database: Database | null,
  ridge: number,
  watch: Watch,
): Promise<Factorization> {
  const matrix = unpackSymmetric(moment.lower);
  const key = cacheKey({
    model: model.hash,
    site: formatSite(site),
    moment: await sha256(new Uint8Array(moment.lower.buffer)),
    ridge,
  });
  const kept = database ? await getRecord(asCache(database), FACTORS, key) : undefined;
  if (kept) {
    return { matrix: addRidge(matrix, ridge), factor: hostTensor(unpackLower(kept.lower)), ridge, where: 'host' };
  }
  const made = await factorSpd(model.kernels, matrix, { ridge, watch, what: `the covariance of ${formatSite(site)}` });
  const { host } = made.factor;
  // A factor that needed more ridge than was asked for is made again: how much is part of what is shown.
  if (database && host && made.ridge === ridge) {
    await putRecord(database, FACTORS, key, { lower: packLower(host as Tensor<'float64'>) });
  }
  return made;
}

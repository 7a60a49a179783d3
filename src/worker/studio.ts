import { EditorError } from '../base/errors.ts';
import type { Progress, Watch } from '../base/tasks.ts';
import { openDevice, openWasm, type DeviceReason, type OpenDevice } from '../device/open.ts';
import { wasmDevice } from '../device/wasm.ts';
import { makeCovariances, type Covariances } from '../edit/covariance.ts';
import type { Corpus } from '../edit/moments.ts';
import { SET_FILES } from '../locate/set-file.ts';
import { describeModel } from '../model/architectures/index.ts';
import { largestParameter } from '../model/description.ts';
import { loadModel } from '../model/load.ts';
import type { Model } from '../model/model.ts';
import { checkDevice, type CheckResult } from '../model/selfcheck.ts';
import { ifThere, type ModelSource } from '../model/source.ts';
import type { Database } from '../store/database.ts';
import { createFileStore, type FileStore } from '../store/files.ts';
import { shareDownloads } from '../store/share.ts';
import type { DeviceChoice, DeviceReport, Example, Kept } from './api.ts';
import { isOutOfReach, isOwn, keptModel, keptModels, shippedModel } from './shipped.ts';
import type { Store } from './store.ts';

/** An open model with all that belongs to it. */
export interface Studio {
  readonly model: Model;
  readonly report: DeviceReport;
  readonly database: Database;
  readonly covariances: Covariances;
  /** Unrelated sentences that come with the model, for the drift. */
  readonly heldOut: readonly string[];
  readonly examples: readonly Example[];
  /** A further small file that came with the model, parsed; undefined where it didn't. */
  companion(file: string): Promise<unknown>;
  readonly kept: Kept;
  /** When the weights came, in milliseconds since 1970, if they are of an earlier version than the page; else null. */
  readonly earlier: number | null;
  /** Bytes that came over the network this time. */
  readonly fetchedBytes: number;
  /** Aborts when this studio is disposed: for work that goes on beside the calls. */
  readonly closed: AbortSignal;
  /** Calls back when the graphics device goes away by itself. */
  onLost(callback: (detail: string) => void): void;
  dispose(): Promise<void>;
}

/**
 * Probe → decision → model → self-check → what lies beside the model. Under `auto` a graphics device that fails on the way
 * is left for the CPU, with the reason. Where this page's own version of the model can't be had, the latest one that an
 * earlier visit has kept is opened.   [design.md D3; ux.md 3.3]
 *
 * @param store outlives the studio
 */
export async function openStudio(choice: DeviceChoice, watch: Watch, { database, kept }: Store): Promise<Studio> {
  watch.progress?.({ stage: 'probe', done: 0, total: 1, unit: 'steps' });
  const files = shareDownloads(createFileStore(database), (progress) => watch.progress?.(progress));
  try {
    return { ...(await openReachable(files, database, choice, watch)), kept: await kept() };
  } finally {
    files.close();
  }
}

// ---

/** Sentences on which drift is measured: enough for two digits, few enough for a second. */
const HELD_OUT = 32;

/** A studio but for what its store and its version tell. */
type OpenModel = Omit<Studio, 'kept' | 'earlier'>;

async function openReachable(
  files: FileStore,
  database: Database,
  choice: DeviceChoice,
  watch: Watch,
): Promise<OpenModel & Pick<Studio, 'earlier'>> {
  const kept = await keptModels(files);
  const { source, settle } = shippedModel(files, kept.length > 0);
  try {
    const opened = await openModel(source, database, choice, watch);
    // A store that refuses is told elsewhere; this visit works without it.
    await settle().catch(() => undefined);
    return { ...opened, earlier: null };
  } catch (error) {
    if (!isOutOfReach(error)) throw error;
    for (const version of kept) {
      const opened = await openModel(await keptModel(files, version), database, choice, watch).catch(
        (each: unknown) => {
          if (!isOutOfReach(each)) throw each;
        },
      );
      if (opened) return { ...opened, earlier: isOwn(version) ? null : version.savedAt };
    }
    throw error;
  }
}

async function openModel(
  source: ModelSource,
  database: Database,
  choice: DeviceChoice,
  watch: Watch,
): Promise<OpenModel> {
  const { watched, bytes } = countBytes(watch);
  const description = describeModel(await source.readJson('config.json', watched));
  const threads = threadCount();
  const options = { threads, largestWeight: largestParameter(description) * Float32Array.BYTES_PER_ELEMENT };
  const first = await openDevice(choice, options);
  watched.progress?.({ stage: 'probe', done: 1, total: 1, unit: 'steps' });
  const { model, device, check } = await loadTrusted(source, first, choice, threads, watched);
  const closing = new AbortController();
  const close = async () => {
    closing.abort();
    await model.dispose();
    model.device.gpu?.dispose();
  };
  try {
    return {
      model,
      report: {
        kind: model.device.kind,
        choice,
        reason: device.reason,
        detail: device.detail,
        adapter: model.device.gpu?.adapter.description ?? null,
        threads: model.device.kind === 'wasm' ? threads : 1,
        isolated: globalThis.crossOriginIsolated,
        selfCheck: check && { difference: check.difference, against: check.against },
      },
      database,
      ...(await readCompanions(source, model, database, watched)),
      fetchedBytes: bytes(),
      closed: closing.signal,
      onLost: (callback) => model.device.gpu?.onLost(callback),
      dispose: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What lies beside the model. All of it is fetched now, so that it is there without a network. */
async function readCompanions(
  source: ModelSource,
  model: Model,
  database: Database,
  watch: Watch,
): Promise<Pick<Studio, 'covariances' | 'heldOut' | 'examples' | 'companion'>> {
  const corpus = await readLines(source, 'corpus.txt', watch);
  for (const file of Object.values(SET_FILES)) await ifThere(source.open(file, watch));
  return {
    covariances: makeCovariances(model, corpusOf(corpus), database),
    heldOut: (await readLines(source, 'heldout.txt', watch)).slice(0, HELD_OUT),
    examples: ((await ifThere(source.readJson('examples.json', watch))) ?? []) as Example[],
    companion: (file) => ifThere(source.readJson(file)),
  };
}

interface Trusted {
  readonly model: Model;
  readonly device: OpenDevice;
  readonly check: CheckResult | null;
}

/** Loads the model and checks its numbers; a graphics device that can't do it under `auto` gives way to the CPU. */
async function loadTrusted(
  source: ModelSource,
  device: OpenDevice,
  choice: DeviceChoice,
  threads: number,
  watch: Watch,
): Promise<Trusted> {
  let model: Model | null = null;
  try {
    model = await loadModel(source, device.device, watch);
    watch.progress?.({ stage: 'check', done: 0, total: 1, unit: 'steps' });
    const stored = await ifThere(source.readJson('check.json', watch));
    const cpu = device.device.kind === 'webgpu' ? wasmDevice(device.ort) : null;
    const check = await checkDevice(model, stored, cpu);
    watch.progress?.({ stage: 'check', done: 1, total: 1, unit: 'steps' });
    return { model, device, check };
  } catch (error) {
    // What is left of a model on a device that went away doesn't matter; why it did does.
    await model?.dispose().catch(() => undefined);
    device.device.gpu?.dispose();
    const isGpuFault = error instanceof EditorError && GPU_FAULTS.has(error.code);
    if (device.device.kind !== 'webgpu' || choice !== 'auto' || !isGpuFault) throw error;
    const reason: DeviceReason = error.code === 'untrusted-device' ? 'untrusted' : 'failed';
    return loadTrusted(source, await openWasm({ threads }, reason, error.message), choice, threads, watch);
  }
}

/** Faults of a graphics device, which the CPU hasn't. */
const GPU_FAULTS: ReadonlySet<string> = new Set([
  'untrusted-device',
  'device-lost',
  'out-of-memory',
  'shader',
  'internal',
]);

/** Two threads do most of the work on small machines; more than four hardly help a model of this kind. */
function threadCount(): number {
  return globalThis.crossOriginIsolated ? Math.max(1, Math.min(4, navigator.hardwareConcurrency)) : 1;
}

function corpusOf(documents: readonly string[]): Corpus | null {
  return documents.length > 0 ? { documents, name: 'the text that comes with the model' } : null;
}

async function readLines(source: ModelSource, file: string, watch: Watch): Promise<string[]> {
  const found = await ifThere(source.open(file, watch));
  if (!found) return [];
  const text = new TextDecoder().decode(await found.read(0, found.size));
  return text.split('\n').filter((line) => line.trim() !== '');
}

/** Adds up what downloads report. */
function countBytes(watch: Watch): { watched: Watch; bytes: () => number } {
  const byFile = new Map<unknown, number>();
  const progress = (report: Progress) => {
    if (report.stage === 'download') byFile.set(report.detail?.['file'], report.done);
    watch.progress?.(report);
  };
  return { watched: { ...watch, progress }, bytes: () => [...byFile.values()].reduce((sum, each) => sum + each, 0) };
}

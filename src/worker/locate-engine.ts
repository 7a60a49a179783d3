import type { Watch } from '../base/tasks.ts';
import type { OnProgress, Version } from './api-call.ts';
import type {
  HowMeasured,
  KeptSets,
  KeptTracing,
  LocateApi,
  Located,
  LocatePart,
  LocateRequest,
  MapSettings,
  MeasuredSets,
  PromptFigures,
  PromptSet,
  Recalled,
  RelationPrompt,
  Seen,
  SetsAsked,
  StoredSets,
} from './api-locate.ts';
import type { Jobs } from './jobs.ts';
import { findSets, findTracing, keepSets, keepTracing } from './kept.ts';
import { locateAnswer, lookThrough, recallLayers, type StandingEdits } from './locating.ts';
import { findFigures, measureSets, readModelPrompts, readOwnPrompts, readStoredSets } from './sets.ts';
import type { Studio } from './studio.ts';

/** The engine's answers to where things are held: questions about an open model as it stands. */
export abstract class LocateEngine implements LocateApi {
  protected abstract readonly jobs: Jobs;

  /** @throws EditorError `no-device` where no model is open */
  protected abstract get studio(): Studio;

  /** Resolves once the model that is being opened is open, or can't be, also after its device went away; else at once. */
  protected abstract readonly rebuilt: Promise<void>;

  /** A version by what makes it so: taken at once, so that both belong together. */
  protected abstract standing(version: Version): StandingEdits;

  locate(
    request: LocateRequest,
    version: Version,
    settings: MapSettings,
    job: number,
    onProgress: OnProgress,
    onPart: (part: LocatePart) => void,
  ): Promise<Located> {
    return this.#ask(job, onProgress, (watch) =>
      locateAnswer(this.studio.model, request, settings, this.standing(version), onPart, watch),
    );
  }

  recall(request: LocateRequest, version: Version, topK: number, job: number): Promise<Recalled> {
    return this.#ask(job, null, (watch) =>
      recallLayers(this.studio.model, request, topK, this.standing(version), watch),
    );
  }

  lens(request: LocateRequest, version: Version, job: number, onProgress: OnProgress): Promise<Seen> {
    return this.#ask(job, onProgress, (watch) =>
      lookThrough(this.studio.model, request, this.standing(version), watch),
    );
  }

  async storedSets(): Promise<StoredSets | null> {
    return readStoredSets(this.studio);
  }

  async modelPrompts(): Promise<PromptSet | null> {
    return readModelPrompts(this.studio);
  }

  async readPrompts(file: File): Promise<PromptSet> {
    return readOwnPrompts(this.studio, file);
  }

  measureSets(
    asked: SetsAsked,
    version: Version,
    job: number,
    onProgress: OnProgress,
    onPart: (sets: MeasuredSets) => void,
  ): Promise<MeasuredSets> {
    return this.#ask(job, onProgress, (watch) =>
      measureSets(this.studio, asked, this.standing(version), onPart, watch),
    );
  }

  async promptFigures(
    prompts: readonly RelationPrompt[],
    how: HowMeasured,
  ): Promise<readonly (PromptFigures | null)[]> {
    return findFigures(this.studio, prompts, how);
  }

  async keepTracing(tracing: KeptTracing): Promise<void> {
    await keepTracing(this.studio, tracing);
  }

  async keptTracing(prompt: string): Promise<KeptTracing | null> {
    return findTracing(this.studio, prompt);
  }

  async keepSets(sets: KeptSets): Promise<void> {
    await keepSets(this.studio, sets);
  }

  async keptSets(): Promise<KeptSets | null> {
    return findSets(this.studio);
  }

  /** A question that is asked while the model is being opened, or right after its device went away, waits until it is back. */
  #ask<T>(job: number, onProgress: OnProgress, work: (watch: Watch) => Promise<T>): Promise<T> {
    return this.jobs.run(job, onProgress, async (watch) => {
      await this.rebuilt;
      return work(watch);
    });
  }
}

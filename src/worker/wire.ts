import { EditorError, reviveError, toEditorError, type ErrorRecord } from '../base/errors.ts';
import type { EngineApi } from './api.ts';

/** The engine with its errors packed as data, as it is exposed to the page. */
export type PackedEngine = {
  [K in keyof EngineApi]: (...args: Parameters<EngineApi[K]>) => Promise<Outcome<Awaited<ReturnType<EngineApi[K]>>>>;
};

/** What a call across the border comes back with: a thrown error's class and fields would be lost on the way. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorRecord };

/** Runs a call and packs its result or its error as plain data. Inverse: `unpack`. */
export async function pack<T>(what: string, call: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await call() };
  } catch (thrown) {
    return { ok: false, error: toEditorError(thrown, what).toRecord() };
  }
}

/** An engine whose every method packs its outcome. */
export function packEngine(engine: EngineApi): PackedEngine {
  return {
    open: (...args) => pack('open the model', () => engine.open(...args)),
    tokenize: (...args) => pack('tokenize', () => engine.tokenize(...args)),
    predict: (...args) => pack('predict the next token', () => engine.predict(...args)),
    generate: (...args) => pack('generate text', () => engine.generate(...args)),
    previewLayers: (...args) => pack('rank layers', () => engine.previewLayers(...args)),
    edit: (...args) => pack('edit the model', () => engine.edit(...args)),
    locate: (...args) => pack('locate the answer', () => engine.locate(...args)),
    recall: (...args) => pack('measure recall', () => engine.recall(...args)),
    lens: (...args) => pack('look through the lens', () => engine.lens(...args)),
    storedSets: (...args) => pack('read the stored sets', () => engine.storedSets(...args)),
    modelPrompts: (...args) => pack('read the prompts of the sets', () => engine.modelPrompts(...args)),
    readPrompts: (...args) => pack('read the prompts', () => engine.readPrompts(...args)),
    measureSets: (...args) => pack('measure sets', () => engine.measureSets(...args)),
    promptFigures: (...args) => pack('find the figures of prompts', () => engine.promptFigures(...args)),
    keepTracing: (...args) => pack('keep what was traced', () => engine.keepTracing(...args)),
    keptTracing: (...args) => pack('find what was traced', () => engine.keptTracing(...args)),
    keepSets: (...args) => pack('keep the sets', () => engine.keepSets(...args)),
    keptSets: (...args) => pack('find the sets', () => engine.keptSets(...args)),
    compare: (...args) => pack('compare', () => engine.compare(...args)),
    edits: (...args) => pack('list edits', () => engine.edits(...args)),
    arrange: (...args) => pack('arrange edits', () => engine.arrange(...args)),
    abort: (...args) => pack('abort', () => engine.abort(...args)),
    listen: (...args) => pack('listen', () => engine.listen(...args)),
  };
}

/** The value, or the error thrown again with code, values and advice. */
export function unpack<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw reviveError(outcome.error);
}

/** The error of every call that a dead worker leaves behind. */
export function workerDied(detail: string): EditorError {
  return new EditorError(
    'worker-died',
    'finish this',
    `the worker stopped (${detail || 'most likely out of memory'})`,
    'it starts again by itself; saved edits are kept',
    { detail },
  );
}

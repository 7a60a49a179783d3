import { throttle, type Progress, type Watch } from '../base/tasks.ts';
import { describeModel } from '../model/architectures/index.ts';
import { parameterCount } from '../model/description.ts';
import { loadModel } from '../model/load.ts';
import type { Model } from '../model/model.ts';
import { textOf, wholeOf, type Arguments } from './arguments.ts';
import { diskSource } from './disk.ts';
import { choosePrecision, openNodeDevice } from './runtime.ts';

/** Where a command writes. */
export interface Output {
  /** One result, as one JSON line on stdout. */
  line(result: unknown): void;
  /** One report, as one line on stderr. */
  progress(report: Progress): void;
  /** Something a person may want to know, as one line on stderr. */
  note(text: string): void;
}

/** Progress of a command, at most ten lines a second. */
export function watchOf(output: Output): Watch {
  return { progress: throttle((report) => output.progress(report), 100) };
}

/** The model that `--model` names, on the device that `--device`, `--precision` and `--threads` name. */
export async function openModel(args: Arguments, output: Output): Promise<Model> {
  const source = diskSource(textOf(args, 'model'));
  const kind = textOf(args, 'device', 'wasm');
  const threads = wholeOf(args, 'threads', 1, 1, 64);
  const parameters = parameterCount(describeModel(await source.readJson('config.json')));
  const float = choosePrecision(textOf(args, 'precision', 'auto'), kind, parameters);
  output.note(`computing in ${float} on ${kind} (${parameters} parameters)`);
  return loadModel(source, await openNodeDevice(kind, threads, float), watchOf(output));
}

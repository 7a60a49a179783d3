import { readFileSync } from 'node:fs';
import { f64, type FloatTensor, type Tensor } from '../../src/base/tensor.ts';
import { readSafetensors, toTensor } from '../../src/store/safetensors.ts';

/** A JSON file. The caller names the type that the file's notes promise. Python's NaN, which JSON hasn't, becomes null. */
export function readJsonFile<T = unknown>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8').replace(/([:[,]\s*)NaN\b/g, '$1null')) as T;
}

/** Lines of a text file that aren't empty. */
export function readLinesFile(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

/** All tensors of a safetensors file, in float64. */
export function readTensorFile(path: string): Map<string, Tensor<'float64'>> {
  const stored = readSafetensors(new Uint8Array(readFileSync(path)), path);
  return new Map(
    [...stored].map(([name, tensor]) => {
      const { data, shape } = toTensor(tensor, name) as FloatTensor;
      return [name, f64(Float64Array.from(data), shape)];
    }),
  );
}

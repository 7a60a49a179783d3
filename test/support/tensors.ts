import { readFileSync } from 'node:fs';
import { f64, type FloatTensor, type Tensor } from '../../src/base/tensor.ts';
import { readSafetensors, toTensor } from '../../src/store/safetensors.ts';

/** All tensors of a safetensors file, in float64. */
export function readTensorFile(file: string): Map<string, Tensor<'float64'>> {
  const stored = readSafetensors(new Uint8Array(readFileSync(file)), file);
  return new Map(
    [...stored].map(([name, tensor]) => {
      const { data, shape } = toTensor(tensor, name) as FloatTensor;
      return [name, f64(Float64Array.from(data), shape)];
    }),
  );
}

/** A JSON file. The caller names the type that the file's notes promise. */
export function readJsonFile<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

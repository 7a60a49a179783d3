import { matmul, transpose } from '../../src/base/linalg.ts';
import { f32, type FloatTensor, type Tensor } from '../../src/base/tensor.ts';
import type { Device } from '../../src/device/device.ts';
import { siteOrientation, type ParameterName } from '../../src/model/description.ts';
import { SITE_KINDS, SITES, type Site } from '../../src/model/hooks.ts';
import { assembleModel, type Model } from '../../src/model/model.ts';

/** What is added to the out × in matrix of a site. */
export interface Addition {
  readonly site: Site;
  /** [d_out, r] */
  readonly left: FloatTensor;
  /** [r, d_in] */
  readonly right: FloatTensor;
}

/** The same model with left · right added to its weights themselves, whichever way they lie in its files. */
export function mergedModel(model: Model, additions: readonly Addition[], device: Device): Promise<Model> {
  const { name, description, tokenizer, checkpoint } = model;
  const read = async (parameter: ParameterName, layer?: number): Promise<Tensor<'float32'>> => {
    const weight = await checkpoint.read(parameter, layer);
    const kind = SITE_KINDS.find((each) => SITES[each].weight === parameter);
    const data = Float64Array.from(weight.data);
    for (const { site, left, right } of additions) {
      if (site.kind !== kind || site.layer !== layer) continue;
      const product = matmul(left, right);
      const change = siteOrientation(description, kind) === 'out,in' ? product : transpose(product);
      change.data.forEach((value, i) => (data[i] += value));
    }
    return f32(Float32Array.from(data), weight.shape);
  };
  return assembleModel({ name, description, tokenizer, checkpoint: { ...checkpoint, read } }, device);
}

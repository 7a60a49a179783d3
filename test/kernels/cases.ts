import { makeRandom, normal } from '../../src/base/random.ts';
import { f32, sizeOf, type Tensor } from '../../src/base/tensor.ts';
import type { Orientation } from '../../src/kernels/lowrank.ts';

/**
 * The one table of cases of all kernels: what `kernels.test.ts` holds the twins to, `kernels.gpu.test.ts` holds the
 * GPU to. Edge rows come first. All numbers are float32, so that both sides start from the same ones.
 */
type F32 = Tensor<'float32'>;

/** Characters of numbers, by what they do to float32. */
const KINDS = {
  mixed: (x: number) => x,
  /** All-negative rows: a maximum that starts at 0 goes wrong on them. */
  negative: (x: number) => -Math.abs(x) - 0.1,
  /** Squares overflow. */
  huge: (x: number) => x * 1e30,
  /** Near the largest float32, 3.4e38. */
  largest: (x: number) => 3e38 * Math.sign(x),
  /** Squares underflow. */
  small: (x: number) => x * 1e-30,
  /** Below the smallest normal number, 1.2e-38: a GPU may flush these to zero. */
  subnormal: (x: number) => Math.sign(x) * 1e-40,
  zero: () => 0,
  minusZero: () => -0,
};

type Kind = keyof typeof KINDS;

/** Seeded numbers of one character. */
export function numbers(shape: readonly number[], kind: Kind = 'mixed', seed = 1): F32 {
  const random = makeRandom(seed + sizeOf(shape));
  return f32(
    Float32Array.from({ length: sizeOf(shape) }, () => KINDS[kind](normal(random))),
    shape,
  );
}

/** The tensor with one number replaced. */
export function spoiled(tensor: F32, at: number, value: number): F32 {
  const data = tensor.data.slice();
  data[at] = value;
  return f32(data, tensor.shape);
}

function filled(shape: readonly number[], value: number): F32 {
  return f32(new Float32Array(sizeOf(shape)).fill(value), shape);
}

/** KᵀK / 40 + I / 10 for 40 random keys, times a scale: positive definite, condition about n. Above the diagonal NaN. */
export function positive(n: number, scale = 1): F32 {
  const keys = numbers([40, n]).data;
  const out = filled([n, n], NaN);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 0.1 : 0;
      for (let p = 0; p < 40; p++) sum += (keys[p * n + i] * keys[p * n + j]) / 40;
      out.data[i * n + j] = sum * scale;
    }
  return out;
}

/** A well-conditioned lower triangle with negative numbers on its diagonal too. Above the diagonal NaN. */
function triangle(n: number): F32 {
  const out = filled([n, n], NaN);
  const { data } = numbers([n, n], 'mixed', 3);
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++)
      out.data[i * n + j] = i === j ? Math.sign(data[i]) + data[i] : data[i * n + j] / 8 / Math.sqrt(n);
  return out;
}

const range = (n: number, stride = 1): number[] => Array.from({ length: n }, (_, i) => (i * stride) % n);

/** NaN with a payload, infinities, −0, the smallest subnormal: what only survives when bits are moved. */
const BITS = f32(
  new Float32Array(Uint32Array.of(0x7fc12345, 0xffc00001, 0x7f800000, 0xff800000, 0x80000000, 1, 0x007fffff, 0).buffer),
  [4, 2],
);

/** Name, x, rows. */
export const captureCases: [string, F32, number[]][] = [
  ['no rows', numbers([5, 7]), []],
  ['rows of no width', numbers([5, 0]), [4, 0]],
  ['one number', numbers([1, 1]), [0]],
  ['a row twice', numbers([3, 2]), [2, 2, 0]],
  ['odd bits', BITS, [3, 2, 1, 0, 2]],
  ['63 columns', numbers([65, 63]), range(65, 2)],
  ['64 columns', numbers([64, 64]), range(64, 5)],
  ['65 columns', numbers([63, 65]), range(63, 4)],
  ['1000 columns', numbers([9, 1000]), [8, 1]],
  ['more workgroups than an axis has', numbers([70_000, 1]), range(70_000, 3)],
];

/** Name, a, b. */
export const cosineCases: [string, F32, F32][] = [
  ['no rows', numbers([0, 8]), numbers([0, 8])],
  ['rows of no width', numbers([3, 0]), numbers([3, 0])],
  ['one number', numbers([1, 1]), numbers([1, 1], 'negative')],
  ['all negative', numbers([4, 70], 'negative'), numbers([4, 70], 'negative', 2)],
  ['negative against positive', numbers([4, 70], 'negative'), numbers([4, 70], 'mixed', 2)],
  ['huge', numbers([4, 70], 'huge'), numbers([4, 70], 'huge', 2)],
  ['largest', numbers([4, 70], 'largest'), numbers([4, 70], 'largest', 2)],
  ['huge against small', numbers([4, 70], 'huge'), numbers([4, 70], 'small', 2)],
  ['small', numbers([4, 70], 'small'), numbers([4, 70], 'small', 2)],
  ['subnormal rows are zero', numbers([4, 70], 'subnormal'), numbers([4, 70])],
  ['zero', numbers([4, 70], 'zero'), numbers([4, 70])],
  ['minus zero', numbers([4, 70]), numbers([4, 70], 'minusZero')],
  ['NaN in one row', spoiled(numbers([3, 65]), 70, NaN), numbers([3, 65], 'mixed', 2)],
  ['NaN beside zeros', spoiled(numbers([3, 65], 'zero'), 70, NaN), numbers([3, 65], 'mixed', 2)],
  ['infinity in one row', numbers([3, 65]), spoiled(numbers([3, 65], 'mixed', 2), 0, -Infinity)],
  ['63', numbers([63, 63]), numbers([63, 63], 'mixed', 2)],
  ['64', numbers([64, 64]), numbers([64, 64], 'mixed', 2)],
  ['65', numbers([65, 65]), numbers([65, 65], 'mixed', 2)],
  ['1000', numbers([5, 1000]), numbers([5, 1000], 'mixed', 2)],
  ['more workgroups than an axis has', numbers([70_000, 2]), numbers([70_000, 2], 'mixed', 2)],
];

/** Name, moment, keys, alpha, beta. */
export const gramCases: [string, F32, F32, number, number][] = [
  ['no keys', numbers([5, 5]), numbers([0, 5]), 1, 0.5],
  ['no keys, nothing kept', numbers([5, 5]), numbers([0, 5]), 1, 0],
  ['no width', numbers([0, 0]), numbers([3, 0]), 1, 1],
  ['one number', numbers([1, 1]), numbers([1, 1]), 2, 3],
  ['β = 0 forgets NaN', filled([65, 65], NaN), numbers([3, 65]), 1, 0],
  ['α = −1', numbers([65, 65]), numbers([64, 65]), -1, 1],
  ['all negative', numbers([66, 66], 'zero'), numbers([9, 66], 'negative'), 1, 1],
  ['huge: squares are infinite', numbers([3, 3]), numbers([1, 3], 'huge'), 1, 1],
  ['small: squares vanish', numbers([3, 3]), numbers([2, 3], 'small'), 1, 1],
  ['NaN stays in its row and column', numbers([70, 70]), spoiled(numbers([4, 70]), 66, NaN), 1, 1],
  ['63', numbers([63, 63]), numbers([63, 63]), 0.25, 1],
  ['64', numbers([64, 64]), numbers([64, 64]), 0.25, 1],
  ['65', numbers([65, 65]), numbers([65, 65]), 0.25, 1],
  ['1000 keys', numbers([65, 65]), numbers([1000, 65]), 1e-3, 0.9],
  ['1000 wide', numbers([1000, 1000]), numbers([17, 1000]), 1, 1],
];

/** Name, matrix. */
export const choleskyCases: [string, F32][] = [
  ['of nothing', numbers([0, 0])],
  ['1', positive(1)],
  ['2', positive(2)],
  ['63', positive(63)],
  ['64', positive(64)],
  ['65', positive(65)],
  ['128', positive(128)],
  ['1000', positive(1000)],
  ['tiny numbers', positive(70, 1e-25)],
  ['huge numbers', positive(70, 1e25)],
];

/** Name, matrix without a factor, its first bad pivot. */
export const indefiniteCases: [string, F32, number][] = [
  ['first pivot', spoiled(positive(5), 0, -1), 0],
  ['zero matrix', numbers([3, 3], 'zero'), 0],
  ['last of a block', spoiled(positive(100), 63 * 101, -1), 63],
  ['first of the next block', spoiled(positive(100), 64 * 101, -1), 64],
  ['NaN in the last block', spoiled(positive(130), 129 * 131, NaN), 129],
  ['infinity', spoiled(positive(70), 66 * 71, Infinity), 66],
];

/** Name, factor, right sides. */
export const triangularCases: [string, F32, F32][] = [
  ['no right side', triangle(5), numbers([5, 0])],
  ['of nothing', triangle(0), numbers([0, 3])],
  ['1', triangle(1), numbers([1, 1])],
  ['63 × 1', triangle(63), numbers([63, 1])],
  ['64 × 3', triangle(64), numbers([64, 3])],
  ['65 × 64', triangle(65), numbers([65, 64])],
  ['130 × 65', triangle(130), numbers([130, 65])],
  ['1000 × 5', triangle(1000), numbers([1000, 5])],
  ['huge right side', triangle(70), numbers([70, 4], 'huge')],
  ['small right side', triangle(70), numbers([70, 4], 'small')],
  ['NaN stays in its column', triangle(70), spoiled(numbers([70, 4]), 4 * 35 + 2, NaN)],
];

/** Name, base, left, right, scale, orientation. */
export const lowrankCases: [string, F32 | null, F32, F32, number, Orientation][] = [
  ['rank 0 is a copy', BITS, numbers([4, 0]), numbers([0, 2]), 1, 'out,in'],
  ['rank 0, turned', BITS, numbers([2, 0]), numbers([0, 4]), 1, 'in,out'],
  ['rank 0 of nothing', null, numbers([3, 0]), numbers([0, 4]), 1, 'out,in'],
  ['no rows', numbers([0, 4]), numbers([0, 2]), numbers([2, 4]), 1, 'out,in'],
  ['one number', numbers([1, 1]), numbers([1, 1]), numbers([1, 1]), 0.5, 'out,in'],
  ['no base', null, numbers([65, 3]), numbers([3, 70]), 2, 'out,in'],
  ['no base, turned', null, numbers([65, 3]), numbers([3, 70]), 2, 'in,out'],
  ['scale 0', numbers([5, 6]), numbers([5, 2]), numbers([2, 6]), 0, 'out,in'],
  ['NaN stays where it is', spoiled(numbers([5, 6]), 7, NaN), numbers([5, 2]), numbers([2, 6]), 1, 'out,in'],
  ['huge', numbers([5, 6]), numbers([5, 2], 'huge'), numbers([2, 6], 'small'), 1, 'out,in'],
  ['63 × 65', numbers([63, 65]), numbers([63, 17]), numbers([17, 65]), -1, 'out,in'],
  ['64 × 64', numbers([64, 64]), numbers([64, 16]), numbers([16, 64]), 1, 'out,in'],
  ['65 × 63, turned', numbers([63, 65]), numbers([65, 15]), numbers([15, 63]), 1, 'in,out'],
  ['1000 × 70', numbers([1000, 70]), numbers([1000, 5]), numbers([5, 70]), 1, 'out,in'],
  ['70 × 1000, turned', numbers([1000, 70]), numbers([70, 5]), numbers([5, 1000]), 1, 'in,out'],
];

// gram: C ← βC + α KᵀK on the lower triangle of a square part of a matrix
//
//   0  params  uniform     { n, d, s, first, alpha, beta }
//   1  keys    read        [n, d]   f32   one row per key
//   2  moment  read_write  [s, s]   f32   C is its d × d part from row and column `first` on; the rest stays as it was
//
// entry main: workgroup 16 × 16, one per tile of 64 × 64, each thread 4 × 4; grid ⌈d/64⌉ × ⌈d/64⌉, tiles above the
// diagonal return at once; sums in f32; with β = 0 the old content is not read into the result, be it NaN

struct Params {
  n: u32,
  d: u32,
  s: u32,
  first: u32,
  alpha: f32,
  beta: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> keys: array<f32>;
@group(0) @binding(2) var<storage, read_write> moment: array<f32>;

const TILE = 64u;
const DEPTH = 16u;

// DEPTH keys × TILE columns each, four columns to a vector.
var<workgroup> left: array<vec4f, 256>;
var<workgroup> right: array<vec4f, 256>;

fn keyAt(row: u32, column: u32) -> f32 {
  if (row < params.n && column < params.d) {
    return keys[row * params.d + column];
  }
  return 0;
}

fn fourKeys(row: u32, column: u32) -> vec4f {
  return vec4f(keyAt(row, column), keyAt(row, column + 1), keyAt(row, column + 2), keyAt(row, column + 3));
}

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  if (group.x > group.y) {
    return;
  }
  let i0 = group.y * TILE;
  let j0 = group.x * TILE;
  var sums: array<vec4f, 4>;
  for (var p0 = 0u; p0 < params.n; p0 += DEPTH) {
    left[local.y * 16 + local.x] = fourKeys(p0 + local.y, i0 + local.x * 4);
    right[local.y * 16 + local.x] = fourKeys(p0 + local.y, j0 + local.x * 4);
    workgroupBarrier();
    for (var p = 0u; p < DEPTH; p++) {
      let x = left[p * 16 + local.y];
      let y = right[p * 16 + local.x];
      sums[0] += x.x * y;
      sums[1] += x.y * y;
      sums[2] += x.z * y;
      sums[3] += x.w * y;
    }
    workgroupBarrier();
  }
  for (var u = 0u; u < 4; u++) {
    for (var v = 0u; v < 4; v++) {
      let i = i0 + local.y * 4 + u;
      let j = j0 + local.x * 4 + v;
      if (i < params.d && j <= i) {
        let place = (params.first + i) * params.s + params.first + j;
        let kept = select(params.beta * moment[place], 0.0, params.beta == 0);
        moment[place] = kept + params.alpha * sums[u][v];
      }
    }
  }
}

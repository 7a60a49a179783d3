// triangular: X of L X = B or Lᵀ X = B, block by block, in place
//
//   0  params  uniform     { n, m, first, size, transposed }
//   1  factor  read        [n, n]   f32   L; only the lower triangle is read
//   2  right   read_write  [n, m]   f32   B, becoming X
//
// entry solve: workgroup 64, a thread per column; grid ⌈m/64⌉, folded; the rows first … first + size of X (size ≤ 64)
// entry update: workgroup 16 × 16, one per 64 rows × 16 columns; grid ⌈m/16⌉ × ⌈rows/64⌉; takes the solved rows out of
// those that are still to come: the n − first − size below, or, transposed, the `first` above
//
// sums in f32

struct Params {
  n: u32,
  m: u32,
  first: u32,
  size: u32,
  transposed: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> factor: array<f32>;
@group(0) @binding(2) var<storage, read_write> right: array<f32>;

const BLOCK = 64u;
const DEPTH = 16u;

var<workgroup> tile: array<f32, 4096>;

// Lᵀ X = B is solved from the last row up: with the rows counted backwards it is a forward substitution too.
fn counted(i: u32) -> u32 {
  return params.first + select(i, params.size - 1 - i, params.transposed != 0);
}

// L or Lᵀ at absolute row and column.
fn factorAt(row: u32, column: u32) -> f32 {
  let place = select(row * params.n + column, column * params.n + row, params.transposed != 0);
  return factor[place];
}

@compute @workgroup_size(64)
fn solve(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let size = params.size;
  for (var t = thread; t < size * size; t += 64) {
    let i = t / size;
    let q = t % size;
    if (q <= i) {
      tile[i * BLOCK + q] = factorAt(counted(i), counted(q));
    }
  }
  workgroupBarrier();
  let column = (group.x + group.y * groups.x) * 64 + thread;
  if (column >= params.m) {
    return;
  }
  var x: array<f32, 64>;
  for (var i = 0u; i < size; i++) {
    let place = counted(i) * params.m + column;
    var sum = right[place];
    for (var q = 0u; q < i; q++) {
      sum -= tile[i * BLOCK + q] * x[q];
    }
    x[i] = sum / tile[i * BLOCK + i];
    right[place] = x[i];
  }
}

// In `tile`: DEPTH × 64 numbers of the factor, then DEPTH × 16 solved ones.
const SOLVED = DEPTH * BLOCK;

@compute @workgroup_size(16, 16)
fn update(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let after = params.first + params.size;
  let start = select(after, 0u, params.transposed != 0) + group.y * BLOCK;
  let end = select(params.n, params.first, params.transposed != 0);
  let column = group.x * 16 + local.x;
  var sums = vec4f(0);
  for (var p0 = params.first; p0 < after; p0 += DEPTH) {
    for (var t = thread; t < DEPTH * BLOCK; t += 256) {
      // Neighbouring threads read neighbouring numbers of the factor, which way round it is read.
      let byRow = params.transposed == 0;
      let p = select(t / BLOCK, t % DEPTH, byRow);
      let i = select(t % BLOCK, t / DEPTH, byRow);
      var x = 0.0;
      if (p0 + p < after && start + i < end) {
        x = factorAt(start + i, p0 + p);
      }
      tile[p * BLOCK + i] = x;
    }
    var y = 0.0;
    if (p0 + local.y < after && column < params.m) {
      y = right[(p0 + local.y) * params.m + column];
    }
    tile[SOLVED + local.y * 16 + local.x] = y;
    workgroupBarrier();
    for (var p = 0u; p < DEPTH; p++) {
      let place = p * BLOCK + local.y * 4;
      sums += vec4f(tile[place], tile[place + 1], tile[place + 2], tile[place + 3]) * tile[SOLVED + p * 16 + local.x];
    }
    workgroupBarrier();
  }
  for (var u = 0u; u < 4; u++) {
    let row = start + local.y * 4 + u;
    if (row < end && column < params.m) {
      right[row * params.m + column] -= sums[u];
    }
  }
}

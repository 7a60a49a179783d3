// cholesky: the parts of a blocked factorization A = L Lᵀ, in place, that are neither a triangular solve nor a product
//
//   0  params  uniform     { n, m, first, size }
//   1  matrix  read_write  [n, n]    f32   A below the diagonal, becoming L; zeros above
//   2  block   read_write  [64, 64]  f32   L's diagonal block, for triangular.wgsl
//   3  panel   read_write  [64, m]   f32   (L below the diagonal block)ᵀ, m = n − first − 64
//   4  status  read_write  [2]       f32   first bad pivot: its index + 1 (0: none), its value
//
// entry diagonal: workgroup 64, one; factors the size × size block at `first`, a thread per row
// entry gather: workgroup 64; grid 64 · ⌈m/64⌉, folded; panel ← matrixᵀ
// entry scatter: workgroup 64; grid 64 · ⌈m/64⌉, folded; matrix ← panelᵀ, and zeros to its mirror image
//
// Per block: diagonal, gather, triangular.solve on the panel, scatter, and gram (α = −1) on what is left.

struct Params {
  n: u32,
  m: u32,
  first: u32,
  size: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> matrix: array<f32>;
@group(0) @binding(2) var<storage, read_write> block: array<f32>;
@group(0) @binding(3) var<storage, read_write> panel: array<f32>;
@group(0) @binding(4) var<storage, read_write> status: array<f32>;

const BLOCK = 64u;

var<workgroup> tile: array<f32, 4096>;

// Positive, finite and normal, told from the bits: a compiler may assume that floats are never NaN.
fn isPivot(x: f32) -> bool {
  return bitcast<u32>(x) - 0x00800000u < 0x7f000000u;
}

@compute @workgroup_size(64)
fn diagonal(@builtin(local_invocation_index) row: u32) {
  let size = params.size;
  for (var j = 0u; j <= row && row < size; j++) {
    tile[row * BLOCK + j] = matrix[(params.first + row) * params.n + params.first + j];
  }
  workgroupBarrier();
  for (var j = 0u; j < size; j++) {
    if (row == j) {
      var pivot = tile[j * BLOCK + j];
      if (!isPivot(pivot)) {
        if (status[0] == 0) {
          status[0] = f32(params.first + j + 1);
          status[1] = pivot;
        }
        pivot = 1;
      }
      tile[j * BLOCK + j] = sqrt(pivot);
    }
    workgroupBarrier();
    if (row > j && row < size) {
      tile[row * BLOCK + j] /= tile[j * BLOCK + j];
    }
    workgroupBarrier();
    if (row > j && row < size) {
      let x = tile[row * BLOCK + j];
      for (var q = j + 1; q <= row; q++) {
        tile[row * BLOCK + q] -= x * tile[q * BLOCK + j];
      }
    }
    workgroupBarrier();
  }
  for (var j = 0u; j < size && row < size; j++) {
    let x = select(0.0, tile[row * BLOCK + j], j <= row);
    matrix[(params.first + row) * params.n + params.first + j] = x;
    block[row * BLOCK + j] = x;
  }
}

@compute @workgroup_size(64)
fn gather(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = (group.x + group.y * groups.x) * 64 + thread;
  // Neighbouring threads read neighbouring numbers of the matrix.
  let q = index % BLOCK;
  let i = index / BLOCK;
  if (i < params.m) {
    panel[q * params.m + i] = matrix[(params.first + BLOCK + i) * params.n + params.first + q];
  }
}

@compute @workgroup_size(64)
fn scatter(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = (group.x + group.y * groups.x) * 64 + thread;
  let q = index % BLOCK;
  let i = index / BLOCK;
  if (i < params.m) {
    matrix[(params.first + BLOCK + i) * params.n + params.first + q] = panel[q * params.m + i];
    matrix[(params.first + q) * params.n + params.first + BLOCK + i] = 0;
  }
}

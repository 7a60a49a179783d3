// lowrank: W = W₀ + scale · left · right, W₀ untouched
//
//   0  params  uniform     { h, rows, cols, o, r, i, scale, transposed }
//   1  base    read        [h, cols]     f32   W₀, h = rows; or h = 0: there is none, and W₀ = 0
//   2  left    read        [o, r]        f32
//   3  right   read        [r, i]        f32
//   4  out     read_write  [rows, cols]  f32   [o, i], or [i, o] when transposed; with r = 0 a copy of W₀, bit for bit
//
// entry main: workgroup 16 × 16, one per tile of 64 × 64, each thread 4 × 4; grid ⌈cols/64⌉ × ⌈rows/64⌉; sums in f32

struct Params {
  h: u32,
  rows: u32,
  cols: u32,
  o: u32,
  r: u32,
  i: u32,
  scale: f32,
  transposed: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> base: array<f32>;
@group(0) @binding(2) var<storage, read> left: array<f32>;
@group(0) @binding(3) var<storage, read> right: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

const TILE = 64u;
const DEPTH = 16u;

// DEPTH × TILE numbers each: of left's rows, of right's columns, or the other way round when transposed.
var<workgroup> byRow: array<f32, 1024>;
var<workgroup> byColumn: array<f32, 1024>;

fn leftAt(o: u32, p: u32) -> f32 {
  if (o < params.o && p < params.r) {
    return left[o * params.r + p];
  }
  return 0;
}

fn rightAt(p: u32, i: u32) -> f32 {
  if (p < params.r && i < params.i) {
    return right[p * params.i + i];
  }
  return 0;
}

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row0 = group.y * TILE;
  let column0 = group.x * TILE;
  let transposed = params.transposed != 0;
  var sums: array<vec4f, 4>;
  for (var p0 = 0u; p0 < params.r; p0 += DEPTH) {
    for (var t = thread; t < DEPTH * TILE; t += 256) {
      let p = p0 + t / TILE;
      let k = t % TILE;
      if (transposed) {
        byRow[t] = rightAt(p, row0 + k);
        byColumn[t] = leftAt(column0 + k, p);
      } else {
        byRow[t] = leftAt(row0 + k, p);
        byColumn[t] = rightAt(p, column0 + k);
      }
    }
    workgroupBarrier();
    for (var p = 0u; p < DEPTH; p++) {
      let at = p * TILE + local.x * 4;
      let y = vec4f(byColumn[at], byColumn[at + 1], byColumn[at + 2], byColumn[at + 3]);
      for (var u = 0u; u < 4; u++) {
        sums[u] += byRow[p * TILE + local.y * 4 + u] * y;
      }
    }
    workgroupBarrier();
  }
  for (var u = 0u; u < 4; u++) {
    for (var v = 0u; v < 4; v++) {
      let row = row0 + local.y * 4 + u;
      let column = column0 + local.x * 4 + v;
      if (row < params.rows && column < params.cols) {
        let place = row * params.cols + column;
        let change = params.scale * sums[u][v];
        if (params.h == 0) {
          out[place] = change;
        } else if (params.r == 0) {
          out[place] = base[place];
        } else {
          out[place] = base[place] + change;
        }
      }
    }
  }
}

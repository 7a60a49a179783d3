// capture: out[i] = x[rows[i]], rows of a matrix picked by index; moved as bits, so nothing is rounded or flushed
//
//   0  params  uniform     { n, d, r }
//   1  x       read        [n, d]   bits   f32
//   2  rows    read        [r]      i32    0 … n−1, checked by the host
//   3  out     read_write  [r, d]   bits   f32
//
// entry main: workgroup 64, one per 64 columns of a row; grid r · ⌈d/64⌉, folded

struct Params {
  n: u32,
  d: u32,
  r: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> rows: array<i32>;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let index = group.x + group.y * groups.x;
  let strips = (params.d + 63) / 64;
  let i = index / strips;
  let j = (index % strips) * 64 + thread;
  if (i < params.r && j < params.d) {
    out[i * params.d + j] = x[u32(rows[i]) * params.d + j];
  }
}

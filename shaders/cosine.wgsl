// cosine: out[i] = a_i · b_i / (‖a_i‖ ‖b_i‖), row by row
//
//   0  params  uniform     { n, d, nan }
//   1  a       read        [n, d]   f32
//   2  b       read        [n, d]   f32
//   3  out     read_write  [n]      f32   0 where a row is zero, NaN where a row holds NaN or ∞
//
// entry main: workgroup 64, one per row; grid n, folded
//
// Each row is divided by its largest |x| first, so squares neither overflow nor vanish; sums in f32. A row whose entries
// are all below the smallest normal number counts as zero, because GPUs may flush such numbers. What is not finite is
// told by its exponent bits: a compiler may assume that floats are never NaN.

struct Params {
  n: u32,
  d: u32,
  nan: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

const EXPONENT = 0x7f800000u;
const SMALLEST_NORMAL = 1.17549435e-38;

// Per thread: (largest |a|, largest |b|, 1 if anything is not finite), then (a·b, a·a, b·b).
var<workgroup> lanes: array<vec3f, 64>;

fn isFinite(x: f32) -> bool {
  return (bitcast<u32>(x) & EXPONENT) != EXPONENT;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let row = group.x + group.y * groups.x;
  if (row >= params.n) {
    return;
  }
  let start = row * params.d;

  var most = vec3f(0);
  for (var j = thread; j < params.d; j += 64) {
    let x = a[start + j];
    let y = b[start + j];
    most = max(most, vec3f(abs(x), abs(y), select(1.0, 0.0, isFinite(x) && isFinite(y))));
  }
  lanes[thread] = most;
  workgroupBarrier();
  for (var half = 32u; half > 0; half /= 2) {
    if (thread < half) {
      lanes[thread] = max(lanes[thread], lanes[thread + half]);
    }
    workgroupBarrier();
  }
  let largest = workgroupUniformLoad(&lanes[0]);
  if (largest.z > 0) {
    if (thread == 0) {
      out[row] = params.nan;
    }
    return;
  }
  if (min(largest.x, largest.y) < SMALLEST_NORMAL) {
    if (thread == 0) {
      out[row] = 0;
    }
    return;
  }

  // Division is only promised to be accurate by what is below 2^126.
  let shrink = select(vec2f(1), vec2f(0x1p-32), largest.xy > vec2f(0x1p+64));
  let divisor = largest.xy * shrink;
  var sums = vec3f(0);
  for (var j = thread; j < params.d; j += 64) {
    let x = a[start + j] * shrink.x / divisor.x;
    let y = b[start + j] * shrink.y / divisor.y;
    sums += vec3f(x * y, x * x, y * y);
  }
  lanes[thread] = sums;
  workgroupBarrier();
  for (var half = 32u; half > 0; half /= 2) {
    if (thread < half) {
      lanes[thread] += lanes[thread + half];
    }
    workgroupBarrier();
  }
  if (thread == 0) {
    let total = lanes[0];
    out[row] = total.x / (sqrt(total.y) * sqrt(total.z));
  }
}

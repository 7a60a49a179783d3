import { createRequire } from 'node:module';
import type * as Schema from '../../node_modules/onnxruntime-web/lib/onnxjs/ort-schema/protobuf/onnx.js';

/** A ModelProto as plain data: enums by number, int64 as numbers, bytes in base64; fields that are absent stay absent. */
export type Model = Record<string, unknown>;

/**
 * Reads model bytes with protobufjs through ONNX's own schema, as ONNX Runtime ships it for its JavaScript loader. Nothing in
 * it is ours, so what it understands is what anybody's reader would.
 */
export function readModel(bytes: Uint8Array): Model {
  const { onnx } = createRequire(import.meta.url)(SCHEMA) as typeof Schema;
  const model = onnx.ModelProto.decode(bytes);
  return onnx.ModelProto.toObject(model, { longs: Number, bytes: String });
}

// ---

const SCHEMA = '../../node_modules/onnxruntime-web/lib/onnxjs/ort-schema/protobuf/onnx.js';

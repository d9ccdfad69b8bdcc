// Evidence files: a zip archive of evidence.json and of NumPy arrays.
async function inflate(bytes) {
  if (!self.DecompressionStream) throw new Error("this browser is too old to unpack it");
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("not a zip archive");
  const members = new Map();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameSize));
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const packed = bytes.subarray(start, start + view.getUint32(at + 20, true));
    const method = view.getUint16(at + 10, true);
    if (method !== 0 && method !== 8) throw new Error(`${name}: unknown compression ${method}`);
    members.set(name, method ? await inflate(packed) : packed);
    at += 46 + nameSize + extraSize + commentSize;
  }
  return members;
}

const NUMBERS = { b1: Uint8Array, i1: Int8Array, i4: Int32Array, i8: BigInt64Array, f8: Float64Array };

function readArray(name, bytes) {
  const wide = bytes[6] > 1, size = wide ? 4 : 2;
  const start = 8 + size + (wide ? bytes[8] + 256 * bytes[9] + 65536 * bytes[10] : bytes[8] + 256 * bytes[9]);
  const header = new TextDecoder().decode(bytes.subarray(8 + size, start));
  const [, type] = /'descr': '[<|=](\w+)'/.exec(header) ?? [];
  const [, listed] = /'shape': \(([^)]*)\)/.exec(header) ?? [];
  if (!type || listed === undefined || !header.includes("'fortran_order': False")) {
    throw new Error(`${name}: not a little-endian array in C order`);
  }
  const shape = listed.split(",").filter((part) => part.trim()).map(Number);
  const data = bytes.slice(start).buffer;
  if (type[0] === "U") return { shape, data: readTexts(new Uint32Array(data), Number(type.slice(1))) };
  if (!NUMBERS[type]) throw new Error(`${name}: numbers of type ${type}`);
  const values = new NUMBERS[type](data);
  if (values.length !== shape.reduce((all, one) => all * one, 1)) throw new Error(`${name}: cut short`);
  return { shape, data: type === "i8" ? Float64Array.from(values, Number) : values };
}

function readTexts(codes, width) {
  const texts = [];
  for (let at = 0; at < codes.length; at += width) {
    const letters = codes.subarray(at, at + width), end = letters.indexOf(0);
    texts.push(String.fromCodePoint(...(end < 0 ? letters : letters.subarray(0, end))));
  }
  return texts;
}

async function readEvidence(bytes) {
  const members = await unzip(bytes);
  const header = JSON.parse(new TextDecoder().decode(members.get("evidence.json")));
  if (header.format !== "hcmoco-bench-evidence-1") throw new Error(`format ${header.format}`);
  const columns = new Map();
  for (const [name, content] of members) {
    if (name.endsWith(".npy")) columns.set(name.replace(/^columns\//, "").slice(0, -4), readArray(name, content));
  }
  const ids = columns.get("sample_ids").data;
  for (const [name, { shape }] of columns) {
    if (shape[0] !== ids.length) throw new Error(`${name}: ${shape[0]} rows for ${ids.length} samples`);
  }
  return { metric: header.metric, meta: header.meta, ids, columns };
}
